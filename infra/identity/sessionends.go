package identity

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"zhiping/domain"
)

// Logout ends the session of a token, at once on every process. A token that is not a session is no error.
func (p *Provider) Logout(ctx context.Context, token string) error {
	key := sha256.Sum256([]byte(token))
	return p.write(ctx, func(c *change) error {
		if err := revoke(ctx, c.querier, `token = $1`, key[:]); err != nil {
			return err
		}
		if err := endTicketsOf(ctx, c, `token = $1`, key[:]); err != nil {
			return err
		}
		var account, address, agent string
		err := c.QueryRowContext(ctx, `DELETE FROM sessions WHERE token = $1 RETURNING account_id, address, agent`, key[:]).Scan(&account, &address, &agent)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("identity: logout: %w", err)
		}
		c.record(AuditRecord{Kind: AuditSignOut, Account: account, Address: address, Agent: agent})
		return nil
	})
}

// SessionQuery asks for a page of an account's sessions, newest first. Behind is the last one of the page before; its ID
// and CreatedAt count.
type SessionQuery struct {
	Account string
	Behind  *SessionInfo
	Limit   int // 1–200, 20 when zero
}

// Sessions lists an account's sessions, newest first.
func (p *Provider) Sessions(ctx context.Context, q SessionQuery) ([]SessionInfo, error) {
	now := p.now()
	created, id := int64(math.MaxInt64), ""
	if q.Behind != nil {
		created, id = millis(q.Behind.CreatedAt), q.Behind.ID
	}
	rows, err := p.reader.QueryContext(ctx, `SELECT id, account_id, method, address, agent, created_at, seen_at, expires_at FROM sessions
		WHERE account_id = $1 AND expires_at > $2 AND seen_at > $3 AND (created_at < $4 OR created_at = $4 AND id > $5)
		ORDER BY created_at DESC, id LIMIT $6`, q.Account, millis(now), millis(now.Add(-p.cfg.IdleTTL)), created, id, min(max(or(q.Limit, 20), 1), 200))
	if err != nil {
		return nil, fmt.Errorf("identity: sessions: %w", err)
	}
	defer rows.Close() //nolint:errcheck // reported by rows.Err
	out := []SessionInfo{}
	for rows.Next() {
		s, _, err := scanSession(rows)
		if err != nil {
			return nil, fmt.Errorf("identity: sessions: %w", err)
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// EndSession ends one session of the account by its id. Somebody else's session is not found.
func (p *Provider) EndSession(ctx context.Context, account, id string) error {
	return p.write(ctx, func(c *change) error {
		n, err := endSessions(ctx, c, `account_id = $1 AND id = $2`, account, id)
		if err == nil && n == 0 {
			return domain.ErrNotFound
		}
		c.record(AuditRecord{Kind: AuditSessionEnded, Account: account, Detail: id})
		return err
	})
}

// EndOtherSessions ends every session of the account but the one with the id keep; all of them when keep is "".
func (p *Provider) EndOtherSessions(ctx context.Context, account, keep string) error {
	return p.write(ctx, func(c *change) error {
		if err := endTickets(ctx, c, account); err != nil { // scanned or confirmed by whoever is to be out
			return err
		}
		_, err := endSessions(ctx, c, `account_id = $1 AND id <> $2`, account, keep)
		c.record(AuditRecord{Kind: AuditSessionEnded, Account: account, Detail: "others"})
		return err
	})
}

func endSessions(ctx context.Context, c *change, where string, args ...any) (int64, error) {
	if err := revoke(ctx, c.querier, where, args...); err != nil {
		return 0, err
	}
	if err := endTicketsOf(ctx, c, where, args...); err != nil {
		return 0, err
	}
	res, err := c.ExecContext(ctx, `DELETE FROM sessions WHERE `+where, args...) // #nosec G202 -- the conditions are constants
	if err != nil {
		return 0, fmt.Errorf("identity: end sessions: %w", err)
	}
	return res.RowsAffected()
}

// endTicketsOf takes away the tickets that the sessions confirmed which meet the condition.
func endTicketsOf(ctx context.Context, c *change, where string, args ...any) error {
	_, err := c.ExecContext(ctx, `DELETE FROM qr_tickets WHERE session_id <> '' AND session_id IN (SELECT id FROM sessions WHERE `+where+`)`, args...) // #nosec G202 -- the conditions are constants
	if err != nil {
		return fmt.Errorf("identity: end tickets: %w", err)
	}
	return nil
}
