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

// NetworkLimits bound what one network may ask for, an IPv4 address or an IPv6 /64, which may be that of a whole
// university. A negative one is none.
type NetworkLimits struct {
	Codes    int // one-time codes an hour: 600
	Captchas int // captchas a minute: 600
	Tickets  int // QR tickets a minute: 600
}

// spend uses the quota of a key once, or answers ErrTooMany with how long to wait.
func (p *Provider) spend(ctx context.Context, c *change, q quota, key string) error {
	_, err := p.use(ctx, c, q, key)
	return err
}

// use also tells which use within the span this is.
func (p *Provider) use(ctx context.Context, c *change, q quota, key string) (n int, err error) {
	if q.uses < 0 {
		return 1, nil
	}
	now := p.now()
	var resets int64
	err = c.QueryRowContext(ctx, `INSERT INTO quotas (key, rule, n, resets_at) VALUES ($1, $2, 1, $4) ON CONFLICT (key, rule) DO UPDATE SET
		n = CASE WHEN quotas.resets_at <= $3 THEN 1 ELSE quotas.n + 1 END, resets_at = CASE WHEN quotas.resets_at <= $3 THEN $4 ELSE quotas.resets_at END
		RETURNING n, resets_at`, mac(p.keys.blind, "quota", key), q.rule, millis(now), millis(now.Add(q.span))).Scan(&n, &resets)
	if err != nil {
		return 0, fmt.Errorf("identity: quota: %w", err)
	}
	if n > q.uses {
		return n, after(ErrTooMany, fromMillis(resets).Sub(now))
	}
	return n, nil
}
