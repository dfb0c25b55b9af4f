package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"

	"modernc.org/sqlite"
)

// conn is one SQLite connection. We talk to the driver itself and not through database/sql: a connection here
// always belongs to one goroutine at a time, and pooling, retries and conversions would only cost time.
type conn struct {
	c driver.Conn
}

// openConn opens a connection to a file. mode is SQLite's: ro, rw or rwc.
func openConn(path, mode string, pragmas ...string) (*conn, error) {
	q := url.Values{"mode": {mode}}
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path), OmitHost: true, RawQuery: q.Encode()}
	c, err := (&sqlite.Driver{}).Open(u.String())
	if err != nil {
		return nil, err
	}
	return &conn{c: c}, nil
}

func (c *conn) close() error { return c.c.Close() }

// exec runs SQL without arguments, several statements if need be.
func (c *conn) exec(sql string) error {
	_, err := c.c.(driver.ExecerContext).ExecContext(context.Background(), sql, nil)
	return err
}

func (c *conn) prepare(sql string) (*stmt, error) {
	s, err := c.c.Prepare(sql)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", sql, err)
	}
	return &stmt{s: s}, nil
}

// all is a one-off query that calls row for each result.
func (c *conn) all(sql string, row func([]driver.Value) (bool, error), args ...driver.Value) error {
	s, err := c.prepare(sql)
	if err != nil {
		return err
	}
	return errors.Join(s.query(row, args...), s.close())
}

// stmt is a prepared statement. It reuses its argument and row buffers, so it belongs to one goroutine.
type stmt struct {
	s    driver.Stmt
	args []driver.NamedValue
	row  []driver.Value
}

func (s *stmt) close() error { return s.s.Close() }

func (s *stmt) bind(args []driver.Value) []driver.NamedValue {
	s.args = s.args[:0]
	for i, a := range args {
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return s.args
}

func (s *stmt) exec(args ...driver.Value) error {
	_, err := s.s.(driver.StmtExecContext).ExecContext(context.Background(), s.bind(args))
	clear(s.args)
	return err
}

// query calls row for each result until it answers false. The slice is reused; byte slices in it are not.
func (s *stmt) query(row func([]driver.Value) (bool, error), args ...driver.Value) (err error) {
	rows, err := s.s.(driver.StmtQueryContext).QueryContext(context.Background(), s.bind(args))
	clear(s.args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if n := len(rows.Columns()); len(s.row) != n {
		s.row = make([]driver.Value, n)
	}
	for {
		switch err := rows.Next(s.row); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		more, err := row(s.row)
		if err != nil || !more {
			return err
		}
	}
}

// one returns the first row, or nil when there is none.
func (s *stmt) one(args ...driver.Value) ([]driver.Value, error) {
	found := false
	err := s.query(func([]driver.Value) (bool, error) { found = true; return false, nil }, args...)
	if err != nil || !found {
		return nil, err
	}
	return s.row, nil
}

func asInt(v driver.Value) int64 {
	n, _ := v.(int64)
	return n
}

func asBytes(v driver.Value) []byte {
	switch b := v.(type) {
	case []byte:
		return b
	case string:
		return []byte(b)
	}
	return nil
}

func asString(v driver.Value) string {
	switch b := v.(type) {
	case string:
		return b
	case []byte:
		return string(b)
	}
	return ""
}

// execContext runs one long statement that ends with ctx.
func execContext(ctx context.Context, c *conn, sql string) (driver.Result, error) {
	return c.c.(driver.ExecerContext).ExecContext(ctx, sql, nil)
}
