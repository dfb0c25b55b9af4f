package identity

import (
	"context"
	"fmt"
	"time"

	"zhiping/domain"
)

// Disable shuts an account out at once, on every process, until Enable.
func (p *Provider) Disable(ctx context.Context, account, by string) error {
	return p.setDisabled(ctx, account, by, p.now(), AuditAccountDisabled)
}

// Enable lets a disabled account in again. Its old sessions stay ended.
func (p *Provider) Enable(ctx context.Context, account, by string) error {
	return p.setDisabled(ctx, account, by, time.Time{}, AuditAccountEnabled)
}

func (p *Provider) setDisabled(ctx context.Context, account, by string, at time.Time, kind AuditKind) error {
	return p.write(ctx, func(c *change) error {
		res, err := c.ExecContext(ctx, `UPDATE accounts SET disabled_at = $1 WHERE id = $2 AND erased_at = 0`, millis(at), account)
		if err != nil {
			return fmt.Errorf("identity: disable: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return domain.ErrNotFound
		}
		c.record(AuditRecord{Kind: kind, Account: account, Actor: by})
		return p.shutOut(ctx, c, account)
	})
}

// shutOut ends all that an account has open: sessions, tickets, and what is remembered of its bearer tokens.
func (p *Provider) shutOut(ctx context.Context, c *change, account string) error {
	if err := revokeAccount(ctx, c.querier, account); err != nil {
		return err
	}
	if err := endTickets(ctx, c, account); err != nil {
		return err
	}
	_, err := endSessions(ctx, c, `account_id = $1`, account)
	return err
}

// Erase deletes what is known of the person behind an account: name, phone, login name, e-mail, identity number,
// password, roles, sessions, networks. The account's id stays, so that no event loses its actor, and so do the audit
// records until they expire; neither names anybody. The file's log is emptied afterwards, so that the deleted values
// are in none of its files.
func (p *Provider) Erase(ctx context.Context, account, by string) error {
	err := p.write(ctx, func(c *change) error {
		now := millis(p.now())
		res, err := c.ExecContext(ctx, `UPDATE accounts SET name = '', login = NULL, phone = NULL, email = '', subject = NULL,
			password = '', disabled_at = $1, erased_at = $1 WHERE id = $2 AND erased_at = 0`, now, account)
		if err != nil {
			return fmt.Errorf("identity: erase: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return domain.ErrNotFound
		}
		for _, q := range []string{
			`DELETE FROM identity_numbers WHERE account_id = $1`, `DELETE FROM grants WHERE account_id = $1`,
			`DELETE FROM known_networks WHERE account_id = $1`,
		} {
			if _, err := c.ExecContext(ctx, q, account); err != nil {
				return fmt.Errorf("identity: erase: %w", err)
			}
		}
		// An access token of the OpenID provider that is still out names the person, with roles.
		if err := voidBefore(ctx, c, account, p.now()); err != nil {
			return err
		}
		c.record(AuditRecord{Kind: AuditAccountErased, Account: account, Actor: by})
		return p.shutOut(ctx, c, account)
	})
	if err != nil {
		return err
	}
	if p.dialect.forget == "" {
		return nil
	}
	if _, err := p.writer.ExecContext(ctx, p.dialect.forget); err != nil {
		return fmt.Errorf("identity: checkpoint: %w", err)
	}
	return nil
}
