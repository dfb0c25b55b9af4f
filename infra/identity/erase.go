package identity

import (
	"context"
	"database/sql"
	"errors"
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
// password, roles, sessions, networks, codes, and messages that the sender has kept. The account's id stays, so that no
// event loses its actor, and so do the audit records until they expire; neither names anybody. The file's log is emptied
// afterwards, so that the deleted values are in none of its files; an error that says it could not be, comes after the
// erasure.
func (p *Provider) Erase(ctx context.Context, account, by string) error {
	var phone, email string
	err := p.write(ctx, func(c *change) error {
		err := c.QueryRowContext(ctx, `SELECT coalesce(phone, ''), email FROM accounts WHERE id = $1 AND erased_at = 0`, account).Scan(&phone, &email)
		if errors.Is(err, sql.ErrNoRows) {
			return domain.ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("identity: erase: %w", err)
		}
		if err := p.eraseRows(ctx, c, account, phone); err != nil {
			return err
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
	if k, ok := p.cfg.Sender.(keeper); ok {
		err = k.Forget(phone, email)
	}
	return errors.Join(err, p.forget(ctx))
}

func (p *Provider) eraseRows(ctx context.Context, c *change, account, phone string) error {
	if _, err := c.ExecContext(ctx, `UPDATE accounts SET name = '', login = NULL, phone = NULL, email = '', subject = NULL,
		password = '', disabled_at = $1, erased_at = $1 WHERE id = $2`, millis(p.now()), account); err != nil {
		return fmt.Errorf("identity: erase: %w", err)
	}
	for _, q := range []string{
		`DELETE FROM identity_numbers WHERE account_id = $1`, `DELETE FROM grants WHERE account_id = $1`,
		`DELETE FROM known_networks WHERE account_id = $1`,
	} {
		if _, err := c.ExecContext(ctx, q, account); err != nil {
			return fmt.Errorf("identity: erase: %w", err)
		}
	}
	if _, err := c.ExecContext(ctx, `DELETE FROM sent_codes WHERE phone = $1`, p.phoneKey(phone)); err != nil {
		return fmt.Errorf("identity: erase: %w", err)
	}
	return nil
}

// errStillRead says that the log keeps deleted values for now.
var errStillRead = errors.New("identity: a reader holds on to the file's log, which keeps deleted values; a running server empties it within minutes")

// forget takes deleted values out of the file's log. SQLite waits a while for who still reads there, and then answers that
// it was busy, in a row and not as an error.
func (p *Provider) forget(ctx context.Context) error {
	if p.dialect.forget == "" {
		return nil
	}
	var busy, pages, moved int
	if err := p.writer.QueryRowContext(ctx, p.dialect.forget).Scan(&busy, &pages, &moved); err != nil {
		return fmt.Errorf("identity: checkpoint: %w", err)
	}
	if busy != 0 {
		return errStillRead
	}
	return nil
}
