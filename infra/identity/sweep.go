package identity

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Sweep deletes what has expired, in writes that take turns with all others, so that several nodes may sweep at once, and
// takes what was deleted out of the file's log. Nothing depends on it for correctness: every read checks the time itself.
func (p *Provider) Sweep(ctx context.Context) error {
	now := p.now()
	for _, q := range []struct {
		statement string
		before    time.Time
	}{
		{`DELETE FROM sessions WHERE expires_at <= $1`, now},
		{`DELETE FROM sessions WHERE seen_at <= $1`, now.Add(-p.cfg.IdleTTL)},
		{`DELETE FROM sent_codes WHERE expires_at <= $1`, now},
		{`DELETE FROM captchas WHERE expires_at <= $1`, now},
		{`DELETE FROM qr_tickets WHERE expires_at <= $1`, now},
		{`DELETE FROM spent_tokens WHERE expires_at <= $1`, now},
		{`DELETE FROM flows WHERE expires_at <= $1`, now},
		{`DELETE FROM quotas WHERE resets_at <= $1`, now},
		{`DELETE FROM meters WHERE last_at <= $1 AND locked_until <= $1`, now.Add(-longestMemory)},
		{`DELETE FROM known_networks WHERE seen_at <= $1`, now.Add(-knownFor)},
		{`DELETE FROM told WHERE at <= $1`, now.Add(-toldFor)},
		{`DELETE FROM audit WHERE at <= $1`, now.Add(-p.cfg.AuditTTL)},
	} {
		if err := p.write(ctx, func(c *change) error {
			_, err := c.ExecContext(ctx, q.statement, q.before.UnixMilli())
			return err
		}); err != nil {
			return fmt.Errorf("identity: sweep: %w", err)
		}
	}
	if k, ok := p.cfg.Sender.(keeper); ok {
		if err := k.Sweep(now.Add(-messagesKept)); err != nil {
			return fmt.Errorf("identity: sweep: %w", err)
		}
	}
	if err := p.forget(ctx); err != nil && !errors.Is(err, errStillRead) { // the next sweep tries again
		return err
	}
	return nil
}

func (p *Provider) sweepEvery(ctx context.Context, period time.Duration) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := p.Sweep(ctx); err != nil && ctx.Err() == nil {
				p.cfg.Logger.ErrorContext(ctx, "identity sweep failed", "error", err)
			}
		}
	}
}
