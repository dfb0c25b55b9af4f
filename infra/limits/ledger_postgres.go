package limits

import (
	"context"
	"fmt"
	"time"
)

// Tell implements Ledger.
func (p *Postgres) Tell(ctx context.Context, node string, counts []Count) error {
	var limits, callers []string
	var now, before, since []int64
	for _, c := range counts {
		limits, callers = append(limits, c.Limit), append(callers, c.Caller)
		now, before, since = append(now, int64(c.Now)), append(before, int64(c.Before)), append(since, c.Since.Milliseconds())
	}
	err := making(func() error {
		_, err := p.db.ExecContext(ctx, `INSERT INTO request_counts (node, "limit", caller, now, before, since, at)
			SELECT $1, c.*, clock_timestamp() FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[]) AS c
			ON CONFLICT (node, "limit", caller) DO UPDATE SET now = EXCLUDED.now, before = EXCLUDED.before, since = EXCLUDED.since, at = EXCLUDED.at`,
			node, limits, callers, now, before, since)
		return err
	}, func() error {
		_, err := p.db.ExecContext(ctx, `CREATE UNLOGGED TABLE IF NOT EXISTS request_counts (node TEXT, "limit" TEXT, caller TEXT, now BIGINT NOT NULL, before BIGINT NOT NULL, since BIGINT NOT NULL, at TIMESTAMPTZ NOT NULL, PRIMARY KEY (node, "limit", caller));
			CREATE INDEX IF NOT EXISTS request_counts_at ON request_counts (at)`)
		return err
	})
	if err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	return nil
}

// Hear implements Ledger.
func (p *Postgres) Hear(ctx context.Context, node string, since time.Time, each func(node string, c Count, age time.Duration)) (time.Time, error) {
	var now time.Time
	if err := p.db.QueryRowContext(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return since, fmt.Errorf("limits: %w", err)
	}
	rows, err := p.db.QueryContext(ctx, `SELECT node, "limit", caller, now, before, since, at FROM request_counts WHERE at > $1 AND node <> $2`, from(since, now), node)
	if isMissing(err) {
		return now, nil
	}
	if err != nil {
		return since, fmt.Errorf("limits: %w", err)
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		var other string
		var c Count
		var millis int64
		var at time.Time
		if err := rows.Scan(&other, &c.Limit, &c.Caller, &c.Now, &c.Before, &millis, &at); err != nil {
			return since, fmt.Errorf("limits: %w", err)
		}
		c.Since = time.Duration(millis) * time.Millisecond
		each(other, c, now.Sub(at))
	}
	if err := rows.Err(); err != nil {
		return since, fmt.Errorf("limits: %w", err)
	}
	return now, nil
}

// Sweep implements Ledger.
func (p *Postgres) Sweep(ctx context.Context) error {
	_, err := p.db.ExecContext(ctx, `DELETE FROM request_counts WHERE at < clock_timestamp() - make_interval(secs => $1)`, lasting.Seconds())
	if err != nil && !isMissing(err) {
		return fmt.Errorf("limits: %w", err)
	}
	return nil
}
