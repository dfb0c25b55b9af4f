package identity

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"modernc.org/sqlite"
)

// changes tells whether a SQLite file has changed, whichever process changed it. It has a connection of its own, which
// never writes, and speaks to the driver directly: database/sql costs more than the question. Not safe for concurrent use.
type changes struct {
	conn    driver.Conn
	version driver.Stmt
	value   [1]driver.Value
}

func watchSQLite(cfg Config) (*changes, error) {
	conn, err := new(sqlite.Driver).Open(dsn(cfg, "query_only(ON)"))
	if err != nil {
		return nil, fmt.Errorf("identity: open: %w", err)
	}
	version, err := conn.(driver.ConnPrepareContext).PrepareContext(context.Background(), "PRAGMA data_version")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("identity: prepare: %w", err), conn.Close())
	}
	return &changes{conn: conn, version: version}, nil
}

// number is another one than before if anybody has committed since it was asked before.
func (c *changes) number() (n int64, err error) {
	rows, err := c.version.(driver.StmtQueryContext).QueryContext(context.Background(), nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if err := rows.Next(c.value[:]); err != nil {
		return 0, err
	}
	n, ok := c.value[0].(int64)
	if !ok {
		return 0, fmt.Errorf("identity: data_version is %T", c.value[0])
	}
	return n, nil
}

// Close closes the connection.
func (c *changes) Close() error { return errors.Join(c.version.Close(), c.conn.Close()) }
