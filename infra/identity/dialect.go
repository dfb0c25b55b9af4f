package identity

import (
	"context"
	"database/sql"
	"database/sql/driver"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed schema.sql
var schema string

// dialect is where the two databases differ. Every other statement serves both.
type dialect struct {
	open   func(Config) (writer, reader database, err error)
	watch  func(Config) (*changes, error) // nil where asking whether anything has changed costs as much as reading it
	schema string
	lock   string // makes a transaction wait for its turn to write; "" where beginning does
	forget string // takes deleted values out of the database's own files at once; "" where that cannot be asked for
}

var sqliteDialect = dialect{open: openSQLite, watch: watchSQLite, schema: schema, forget: `PRAGMA wal_checkpoint(TRUNCATE)`}

// PostgreSQL compares text byte by byte here, as SQLite does. Its lock is the number of "zhiping" in this database.
var postgresDialect = dialect{
	open: openPostgres,
	schema: strings.NewReplacer("INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
		"INTEGER", "BIGINT", "BLOB", "BYTEA", "TEXT", `TEXT COLLATE "C"`, " WITHOUT ROWID", "").Replace(schema),
	lock: `SELECT pg_advisory_xact_lock(34454749225512551)`,
}

// private makes the file readable for this user alone, whoever may look into its folder: SQLite would make it as readable as
// the process's mask allows. (It gives the logs the file's own mode.) A file that is there is not opened, since closing it would
// release the locks that others of this process hold. What goes wrong here, SQLite tells.
func private(path string) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // #nosec G304 -- the file of the accounts
	if err == nil {
		_ = f.Close()
		return
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} { // of an earlier version
		_ = os.Chmod(name, 0o600)
	}
}

func dsn(cfg Config, pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": append(pragmas,
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "secure_delete(ON)")}
	return "file:" + (&url.URL{Path: cfg.Path}).EscapedPath() + "?" + q.Encode()
}

func openSQLite(cfg Config) (writer, reader database, err error) {
	private(cfg.Path)
	open := func(connections int, pragmas ...string) (database, error) {
		db, err := sql.Open("sqlite", dsn(cfg, pragmas...))
		if err != nil {
			return database{}, fmt.Errorf("identity: open: %w", err)
		}
		db.SetMaxOpenConns(connections)
		db.SetMaxIdleConns(connections)
		return database{querier{on: db}, db}, nil
	}
	if writer, err = open(1); err != nil { // one connection: SQLite has one writer
		return writer, reader, err
	}
	reader, err = open(8, "query_only(ON)")
	return writer, reader, err
}

// How long a caller waits for PostgreSQL, at most, and how many connections a node opens. A node that stops within a
// write is disconnected by the server, so that it does not keep the others from writing.
const (
	postgresLimit       = 10 * time.Second
	postgresConnections = 16
)

func openPostgres(cfg Config) (writer, reader database, err error) {
	c, err := pgx.ParseConfig(cfg.Postgres)
	if err != nil {
		return writer, reader, errors.New("identity: the connection string of PostgreSQL cannot be read") // its own error may quote it
	}
	c.ConnectTimeout = min(or(c.ConnectTimeout, 5*time.Second), postgresLimit)
	for name, value := range map[string]string{
		"application_name": "zhiping", "statement_timeout": "10s", "lock_timeout": "8s", "idle_in_transaction_session_timeout": "15s",
	} {
		if _, ok := c.RuntimeParams[name]; !ok {
			c.RuntimeParams[name] = value
		}
	}
	db := stdlib.OpenDB(*c)
	db.SetMaxOpenConns(postgresConnections)
	db.SetMaxIdleConns(postgresConnections)
	d := database{querier{db, postgresLimit, func() {
		db.SetMaxIdleConns(0) // the others are likely cut too, or lead to a server that has become a standby
		db.SetMaxIdleConns(postgresConnections)
	}}, db}
	return d, d, nil
}

// taken tells whether a statement failed because a unique value is taken.
func taken(err error) bool {
	if p, ok := errors.AsType[*pgconn.PgError](err); ok {
		return p.Code == "23505"
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// passing are the classes and codes of PostgreSQL's errors that pass: connections, resources, an operator's shutdown or
// a time-out, a standby after a failover, a lock that was not had in time, a deadlock.
var passing = []string{"08", "53", "57", "25006", "55P03", "40"}

// cut tells whether an error means that other connections to the same server are of no use either.
func cut(err error) bool {
	if p, ok := errors.AsType[*pgconn.PgError](err); ok {
		return p.Code == "25006" || strings.HasPrefix(p.Code, "57P") || strings.HasPrefix(p.Code, "08")
	}
	return !errors.Is(err, context.DeadlineExceeded) && errors.Is(away(err), ErrStoreAway)
}

// stuck are SQLite's errors that pass when somebody frees the disk, mounts it again or lets go of the file.
var stuck = []int{sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}

// away adds ErrStoreAway to errors of a database that cannot be reached, or cannot be written, now.
func away(err error) error {
	if err == nil || errors.Is(err, sql.ErrNoRows) || errors.Is(err, context.Canceled) {
		return err
	}
	if p, ok := errors.AsType[*pgconn.PgError](err); ok {
		if !slices.ContainsFunc(passing, func(class string) bool { return strings.HasPrefix(p.Code, class) }) {
			return err
		}
		return errors.Join(ErrStoreAway, err)
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		if slices.Contains(stuck, e.Code()&0xff) { // what follows the first byte says more about the same
			return errors.Join(ErrStoreAway, err)
		}
		return err
	}
	_, network := errors.AsType[net.Error](err)
	_, connect := errors.AsType[*pgconn.ConnectError](err)
	if network || connect || pgconn.SafeToRetry(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, driver.ErrBadConn) {
		return errors.Join(ErrStoreAway, err)
	}
	return err
}
