package limits

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// Postgres implements fiber.Storage and Ledger, each in a table of its own, which it makes when it is first needed. The tables
// are not logged: counts of a minute need not outlive the server. Safe for concurrent use.
type Postgres struct {
	db    *sql.DB
	clock func() time.Time
	swept atomic.Int64 // when expired counts were last deleted, in milliseconds
}

var (
	_ fiber.Storage = (*Postgres)(nil)
	_ Ledger        = (*Postgres)(nil)
)

// missingTable is PostgreSQL's code for a table that is not there.
const missingTable = "42P01"

// OpenPostgres prepares; it does not connect yet.
func OpenPostgres(url string, clock func() time.Time) (*Postgres, error) {
	c, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("limits: the connection string of PostgreSQL cannot be read") // its own error may quote it
	}
	db := stdlib.OpenDB(*c)
	db.SetMaxOpenConns(4)
	return &Postgres{db: db, clock: clock}, nil
}

// Get implements fiber.Storage: nil for what is not there or has expired.
func (p *Postgres) Get(key string) ([]byte, error) {
	ctx, cancel := within()
	defer cancel()
	var value []byte
	err := p.db.QueryRowContext(ctx, `SELECT value FROM sign_in_limits WHERE id = $1 AND (expires = 0 OR expires > $2)`, key, p.clock().UnixMilli()).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) || isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("limits: %w", err)
	}
	return value, nil
}

// Set implements fiber.Storage.
func (p *Postgres) Set(key string, value []byte, life time.Duration) error {
	if key == "" || len(value) == 0 {
		return nil
	}
	now, expires := p.clock(), int64(0)
	if life > 0 {
		expires = now.Add(life).UnixMilli()
	}
	set := func() error {
		return p.exec(`INSERT INTO sign_in_limits (id, value, expires) VALUES ($1,$2,$3) ON CONFLICT (id) DO UPDATE SET value = EXCLUDED.value, expires = EXCLUDED.expires`, key, value, expires)
	}
	err := making(set, func() error {
		return p.exec(`CREATE UNLOGGED TABLE IF NOT EXISTS sign_in_limits (id TEXT PRIMARY KEY, value BYTEA NOT NULL, expires BIGINT NOT NULL)`)
	})
	if last := p.swept.Load(); err == nil && now.UnixMilli()-last > time.Minute.Milliseconds() && p.swept.CompareAndSwap(last, now.UnixMilli()) {
		return p.exec(`DELETE FROM sign_in_limits WHERE expires > 0 AND expires <= $1`, now.UnixMilli())
	}
	return err
}

// Delete implements fiber.Storage.
func (p *Postgres) Delete(key string) error {
	return p.exec(`DELETE FROM sign_in_limits WHERE id = $1`, key)
}

// Reset implements fiber.Storage.
func (p *Postgres) Reset() error { return p.exec(`DELETE FROM sign_in_limits`) }

// Close implements fiber.Storage.
func (p *Postgres) Close() error { return p.db.Close() }

func (p *Postgres) exec(statement string, args ...any) error {
	ctx, cancel := within()
	defer cancel()
	if _, err := p.db.ExecContext(ctx, statement, args...); err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	return nil
}

// making makes the table when it is missing and tries again. Another node may be making it at the same moment, which
// PostgreSQL tells as a fault.
func making(try, table func() error) error {
	err := try()
	if !isMissing(err) {
		return err
	}
	made := table()
	if err = try(); err != nil {
		return errors.Join(err, made)
	}
	return nil
}

func isMissing(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == missingTable
}

func within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}
