package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// querier runs statements in a database or in a transaction of it, each within limit, which 0 leaves to the caller's
// context: a database on another machine can fall silent. Its errors say ErrStoreAway when trying again may help.
type querier struct {
	on interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}
	limit time.Duration
	lost  func() // told when a connection turned out to be cut; may be nil
}

// away is the error as callers see it.
func (q querier) away(err error) error {
	if q.lost != nil && cut(err) {
		q.lost()
	}
	return away(err)
}

// ExecContext is that of database/sql.
func (q querier) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	ctx, cancel := bounded(ctx, q.limit)
	defer cancel()
	res, err := q.on.ExecContext(ctx, query, storable(args)...)
	return res, q.away(err)
}

// QueryContext is that of database/sql. The rows must be closed.
func (q querier) QueryContext(ctx context.Context, query string, args ...any) (*rows, error) {
	ctx, cancel := bounded(ctx, q.limit)
	r, err := q.on.QueryContext(ctx, query, storable(args)...) //nolint:rowserrcheck // the caller looks
	if err != nil {
		cancel()
		return nil, q.away(err)
	}
	return &rows{r, cancel, q}, nil
}

// QueryRowContext is that of database/sql. The row must be scanned.
func (q querier) QueryRowContext(ctx context.Context, query string, args ...any) row {
	ctx, cancel := bounded(ctx, q.limit)
	return row{q.on.QueryRowContext(ctx, query, storable(args)...), cancel, q}
}

func bounded(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit == 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, limit, ErrStoreAway)
}

// storable makes text of what somebody typed fit every store: PostgreSQL takes neither broken UTF-8 nor NUL.
func storable(args []any) []any {
	text := func(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD") }
	for i, a := range args {
		switch a := a.(type) {
		case string:
			args[i] = text(a)
		case sql.NullString:
			a.String = text(a.String)
			args[i] = a
		}
	}
	return args
}

type row struct {
	*sql.Row
	done context.CancelFunc
	of   querier
}

// Scan is that of database/sql.
func (r row) Scan(dest ...any) error {
	defer r.done()
	return r.of.away(r.Row.Scan(dest...))
}

type rows struct {
	*sql.Rows
	done context.CancelFunc
	of   querier
}

// Close is that of database/sql.
func (r *rows) Close() error {
	defer r.done()
	return r.Rows.Close()
}

// Err is that of database/sql.
func (r *rows) Err() error { return r.of.away(r.Rows.Err()) }

// statement is a prepared query of one row.
type statement struct {
	*sql.Stmt
	of querier
}

func (s statement) QueryRowContext(ctx context.Context, args ...any) row {
	ctx, cancel := bounded(ctx, s.of.limit)
	return row{s.Stmt.QueryRowContext(ctx, args...), cancel, s.of}
}

// database is a pool of connections.
type database struct {
	querier
	pool *sql.DB
}

// prepared makes a statement.
func (d database) prepared(ctx context.Context, query string) (statement, error) {
	s, err := d.pool.PrepareContext(ctx, query)
	if err != nil {
		return statement{}, fmt.Errorf("identity: prepare: %w", d.away(err))
	}
	return statement{s, d.querier}, nil
}

func (p *Provider) openDatabase(ctx context.Context) (err error) {
	p.dialect = sqliteDialect
	if p.cfg.Postgres != "" {
		p.dialect = postgresDialect
	}
	if p.writer, p.reader, err = p.dialect.open(p.cfg); err != nil {
		return err
	}
	if err = p.makeTables(ctx); err != nil {
		return fmt.Errorf("identity: schema: %w", err)
	}
	if err = p.checkKeys(ctx); err != nil {
		return err
	}
	if err = p.epochs.prepare(ctx, p.reader); err != nil {
		return err
	}
	if p.dialect.watch != nil {
		if p.epochs.changes, err = p.dialect.watch(p.cfg); err != nil {
			return err
		}
	}
	p.session, err = p.reader.prepared(ctx, selectSession)
	return err
}

// makeTables makes what is missing; of several nodes that start together one makes it and the others find it.
func (p *Provider) makeTables(ctx context.Context) error {
	return p.write(ctx, func(c *change) error {
		_, err := c.ExecContext(ctx, p.dialect.schema)
		return err
	})
}

func (p *Provider) closeDatabase() error {
	var errs []error
	if p.epochs.changes != nil {
		errs = append(errs, p.epochs.changes.Close())
	}
	for _, db := range []*sql.DB{p.reader.pool, p.writer.pool} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// A change is one transaction with the audit records that belong to it.
type change struct {
	querier
	records []AuditRecord
}

// write runs f in one transaction. Its audit records are stored with it and logged only after it has committed,
// so neither tells of something that did not happen.
//
// Writes come one after the other, each seeing all before it, on every node: brakes, tries of a code, tickets and the
// limit of sessions rely on it. SQLite has one writer. In PostgreSQL every write begins with the same advisory lock,
// which ends with the transaction or the connection; serializable transactions would do too, but run f again when they
// collide, and its effects on variables and records are made to happen once.
func (p *Provider) write(ctx context.Context, f func(c *change) error) error {
	ctx, cancel := bounded(ctx, p.writer.limit)
	defer cancel()
	tx, err := p.writer.pool.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("identity: begin: %w", p.writer.away(err))
	}
	defer tx.Rollback() //nolint:errcheck // no effect after the commit
	c := &change{querier: querier{tx, p.writer.limit, p.writer.lost}}
	if p.dialect.lock != "" {
		if _, err := c.ExecContext(ctx, p.dialect.lock); err != nil {
			return fmt.Errorf("identity: lock: %w", err)
		}
	}
	if err := f(c); err != nil {
		return err
	}
	for i := range c.records {
		if err := p.store(ctx, c.querier, &c.records[i]); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("identity: commit: %w", p.writer.away(err))
	}
	for _, r := range c.records {
		p.log(ctx, r)
		p.cfg.Observe(r)
	}
	return nil
}
