package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	"modernc.org/sqlite"
)

// conn is one connection with its prepared statements, used by one goroutine at a time. It speaks to the driver
// directly: database/sql costs as much again as a point read.
type conn struct {
	driver.Conn
	stmts map[string]*stmt
}

type stmt struct {
	driver.Stmt
	args []driver.NamedValue // reused between runs
}

// maxStmts bounds the prepared statements of a connection; queries come in few shapes.
const maxStmts = 400

func openConn(path string, readOnly bool, pragmas ...string) (*conn, error) {
	var dsn strings.Builder
	dsn.WriteString("file:")
	for _, r := range []byte(path) {
		if strings.IndexByte("?#%&", r) >= 0 {
			fmt.Fprintf(&dsn, "%%%02x", r)
		} else {
			dsn.WriteByte(r)
		}
	}
	mode := "rwc"
	if readOnly {
		mode = "ro"
	}
	dsn.WriteString("?mode=" + mode)
	for _, p := range pragmas {
		dsn.WriteString("&_pragma=" + p)
	}
	c, err := new(sqlite.Driver).Open(dsn.String())
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, stmts: map[string]*stmt{}}, nil
}

// Close closes the statements and the connection.
func (c *conn) Close() error {
	c.forget()
	return c.Conn.Close()
}

func (c *conn) forget() {
	for _, s := range c.stmts {
		_ = s.Close() // its error is that of the last run, which has been answered already
	}
	clear(c.stmts)
}

func (c *conn) prepare(sql string, args []any) (*stmt, error) {
	s := c.stmts[sql]
	if s == nil {
		if len(c.stmts) >= maxStmts {
			c.forget()
		}
		prepared, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(context.Background(), sql)
		if err != nil {
			return nil, err
		}
		s = &stmt{Stmt: prepared}
		c.stmts[sql] = s
	}
	s.args = s.args[:0]
	for i, a := range args {
		switch v := a.(type) {
		case int:
			a = int64(v)
		case bool:
			a = 0.0 // a real, so that fieldValue can tell it from a number; documents' fields are never floats
			if v {
				a = 1.0
			}
		}
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return s, nil
}

// exec runs a statement without rows and tells how many it changed. A ctx would end only a wait, not a statement that runs: a watched context costs a
// goroutine a statement, and all our writes are short.
func (c *conn) exec(sql string, args ...any) (changed int64, err error) {
	s, err := c.prepare(sql, args)
	if err != nil {
		return 0, err
	}
	result, err := s.Stmt.(driver.StmtExecContext).ExecContext(context.Background(), s.args)
	clear(s.args)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// query runs a statement and hands over its rows; the slice of values is reused between them.
func (c *conn) query(ctx context.Context, row func([]driver.Value) error, sql string, args ...any) (err error) {
	s, err := c.prepare(sql, args)
	if err != nil {
		return err
	}
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, s.args)
	clear(s.args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values := make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(values); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := row(values); err != nil {
			return err
		}
	}
}

// one runs a query for at most one row, and tells whether there was one.
func (c *conn) one(sql string, args []any, dest ...any) (found bool, err error) {
	err = c.query(context.Background(), func(v []driver.Value) error {
		found = true
		for i := range dest {
			switch d := dest[i].(type) {
			case *int64:
				*d, _ = v[i].(int64)
			case *string:
				*d, _ = v[i].(string)
			default:
				return fmt.Errorf("sqlite: scan into %T", d)
			}
		}
		return nil
	}, sql, args...)
	return found, err
}

func (c *conn) commit() error {
	_, err := c.exec("COMMIT")
	return err
}

// tx runs f in a transaction and ends it with commit; begin is BEGIN for a snapshot to read, BEGIN IMMEDIATE to write.
func (c *conn) tx(begin string, f, commit func() error) error {
	if _, err := c.exec(begin); err != nil {
		return err
	}
	err := f()
	if err == nil {
		err = commit()
	}
	if err != nil {
		_, _ = c.exec("ROLLBACK") // fails only when the error has rolled back already
	}
	return err
}
