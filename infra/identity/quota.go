package identity

import (
	"context"
	"fmt"
	"time"
)

// quota allows so many uses in a span of time.
type quota struct {
	rule string
	uses int
	span time.Duration
}

// spend uses the quota of a key once, or answers ErrTooMany with how long to wait.
func (p *Provider) spend(ctx context.Context, c *change, q quota, key string) error {
	now := p.now()
	var n int
	var resets int64
	err := c.QueryRowContext(ctx, `INSERT INTO quotas (key, rule, n, resets_at) VALUES ($1, $2, 1, $4) ON CONFLICT (key, rule) DO UPDATE SET
		n = CASE WHEN quotas.resets_at <= $3 THEN 1 ELSE quotas.n + 1 END, resets_at = CASE WHEN quotas.resets_at <= $3 THEN $4 ELSE quotas.resets_at END
		RETURNING n, resets_at`, mac(p.keys.blind, "quota", key), q.rule, millis(now), millis(now.Add(q.span))).Scan(&n, &resets)
	if err != nil {
		return fmt.Errorf("identity: quota: %w", err)
	}
	if n > q.uses {
		return after(ErrTooMany, fromMillis(resets).Sub(now))
	}
	return nil
}
