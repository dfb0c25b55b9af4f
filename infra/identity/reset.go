package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"zhiping/domain"
)

// ResetRequest sets a new password for who holds the account's phone.
type ResetRequest struct {
	Phone       string
	Code        string // as sent for PurposeReset
	NewPassword string
	Address     string
	UserAgent   string
}

// ResetPassword sets a new password and ends every session of the account.
func (p *Provider) ResetPassword(ctx context.Context, r ResetRequest) error {
	if p.cfg.External {
		return ErrSignInElsewhere
	}
	r.Phone, r.Code = strings.TrimSpace(r.Phone), strings.TrimSpace(r.Code)
	var faults []domain.Fault
	if p.cfg.CheckPhone(r.Phone) != nil {
		faults = append(faults, fault("body.phone", "phone", nil))
	}
	if !sixDigits.MatchString(r.Code) {
		faults = append(faults, fault("body.code", "code_shape", nil))
	}
	faults = append(faults, checkPolicy("body.newPassword", r.NewPassword, r.Phone)...)
	if len(faults) > 0 {
		return domain.ErrInvalid.WithFaults(faults...)
	}
	about := AuditRecord{Address: r.Address, Agent: r.UserAgent}
	if err := p.tryCode(ctx, r.Phone, PurposeReset, r.Code, about); err != nil {
		return err
	}
	account, err := p.accountBy(ctx, r.Phone)
	if err != nil {
		return err
	}
	if account.ID == "" { // erased since the code was sent
		return ErrCodeWrong
	}
	hash, err := p.hashes.hash(ctx, r.NewPassword)
	if err != nil {
		return err
	}
	try, err := p.attempt(ctx, account.ID, r.Address)
	if err != nil {
		return err
	}
	return p.write(ctx, func(c *change) error {
		if err := p.spendCode(ctx, c, r.Phone, PurposeReset, r.Code); err != nil {
			return err
		}
		if err := setPassword(ctx, c, account.ID, hash); err != nil {
			return err
		}
		// Who holds the phone is let in again, whoever was guessing.
		if _, err := c.ExecContext(ctx, `DELETE FROM meters WHERE key IN ($1, $2)`, try.pair, try.account); err != nil {
			return fmt.Errorf("identity: meter: %w", err)
		}
		about.Kind, about.Account = AuditPasswordReset, account.ID
		c.record(about)
		return p.shutOut(ctx, c, account.ID)
	})
}

// ChangePasswordRequest is a signed-in person's wish for another password.
type ChangePasswordRequest struct {
	Account     string // id
	Session     string // id of the session that stays; all others end
	Password    string // the present one
	NewPassword string
	Address     string
	UserAgent   string
}

// ChangePassword sets another password. The present one is asked for and guarded like a sign-in, since a session
// left open on somebody's desk must not become an account.
func (p *Provider) ChangePassword(ctx context.Context, r ChangePasswordRequest) error {
	if p.cfg.External {
		return ErrSignInElsewhere
	}
	var phone, login sql.NullString
	var present string
	err := p.reader.QueryRowContext(ctx, `SELECT phone, login, password FROM accounts WHERE id = $1 AND disabled_at = 0`, r.Account).Scan(&phone, &login, &present)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotSignedIn
	}
	if err != nil {
		return fmt.Errorf("identity: account: %w", err)
	}
	if faults := checkPolicy("body.newPassword", r.NewPassword, phone.String, login.String); len(faults) > 0 {
		return domain.ErrInvalid.WithFaults(faults...)
	}
	done, err := p.turns.take(ctx, r.Account)
	if err != nil {
		return err
	}
	defer done()
	// Braked apart from sign-ins: only who has a session fails here, and no stranger's failures hold its owner up.
	try, err := p.attempt(ctx, "change "+r.Account, r.Address)
	if err != nil {
		return err
	}
	about := AuditRecord{Account: r.Account, Address: r.Address, Agent: r.UserAgent}
	wait, _, err := p.gate(ctx, try)
	if err != nil {
		return err
	}
	if wait > 0 {
		return after(ErrLockedOut, wait)
	}
	right, _, err := p.checkPassword(ctx, r.Password, present)
	if err != nil {
		return err
	}
	if !right {
		return p.refuse(ctx, try, about)
	}
	return p.replacePassword(ctx, r, try, about)
}

// replacePassword sets the new password, and ends what others have open.
func (p *Provider) replacePassword(ctx context.Context, r ChangePasswordRequest, try attempt, about AuditRecord) error {
	hash, err := p.hashes.hash(ctx, r.NewPassword)
	if err != nil {
		return err
	}
	return p.write(ctx, func(c *change) error {
		if err := succeeded(ctx, c, try); err != nil {
			return err
		}
		if err := setPassword(ctx, c, r.Account, hash); err != nil {
			return err
		}
		about.Kind = AuditPasswordChanged
		c.record(about)
		if err := endTickets(ctx, c, r.Account); err != nil {
			return err
		}
		_, err := endSessions(ctx, c, `account_id = $1 AND id <> $2`, r.Account, r.Session)
		return err
	})
}

// SetPassword gives an account another password on an operator's word, and ends every session of the account.
func (p *Provider) SetPassword(ctx context.Context, account, password, by string) error {
	var phone, login sql.NullString
	err := p.reader.QueryRowContext(ctx, `SELECT phone, login FROM accounts WHERE id = $1 AND erased_at = 0`, account).Scan(&phone, &login)
	if errors.Is(err, sql.ErrNoRows) {
		return domain.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("identity: account: %w", err)
	}
	if faults := checkPolicy("password", password, phone.String, login.String); len(faults) > 0 {
		return domain.ErrInvalid.WithFaults(faults...)
	}
	hash, err := p.hashes.hash(ctx, password)
	if err != nil {
		return err
	}
	return p.write(ctx, func(c *change) error {
		if err := setPassword(ctx, c, account, hash); err != nil {
			return err
		}
		if _, err := c.ExecContext(ctx, `DELETE FROM meters WHERE key = $1`, mac(p.keys.blind, "account", account)); err != nil {
			return fmt.Errorf("identity: meter: %w", err)
		}
		c.record(AuditRecord{Kind: AuditPasswordReset, Account: account, Actor: by})
		return p.shutOut(ctx, c, account)
	})
}

func setPassword(ctx context.Context, c *change, account, hash string) error {
	if _, err := c.ExecContext(ctx, `UPDATE accounts SET password = $1 WHERE id = $2`, hash, account); err != nil {
		return fmt.Errorf("identity: password: %w", err)
	}
	return nil
}
