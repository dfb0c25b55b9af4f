package identity

import (
	"context"
	"fmt"
)

// LoginRequest is a sign-in with a password.
type LoginRequest struct {
	Account   string // login name or phone
	Password  string
	CaptchaID string
	Captcha   string
	Address   string // the caller's, for the brakes and the audit trail
	UserAgent string
}

// Nothing longer can be right, and hashing or storing it would be work for a stranger.
const (
	longestAccount  = 64
	longestPassword = 128 // characters
)

// Login signs in with a password. An unknown account, a wrong password and an account that has no password get the
// same answer after the same work.
func (p *Provider) Login(ctx context.Context, r LoginRequest) (Session, error) {
	if p.cfg.External {
		return Session{}, ErrSignInElsewhere
	}
	name := normalLogin(r.Account)
	if len(name) > longestAccount {
		name = ""
	}
	account, err := p.accountBy(ctx, name)
	if err != nil {
		return Session{}, err
	}
	subject := account.ID
	if subject == "" {
		subject = "no account " + name
	}
	done, err := p.turns.take(ctx, subject)
	if err != nil {
		return Session{}, err
	}
	defer done()
	try, err := p.attempt(ctx, subject, r.Address)
	if err != nil {
		return Session{}, err
	}
	about := AuditRecord{Account: account.ID, Address: r.Address, Agent: r.UserAgent}
	if err := p.admit(ctx, try, about, r.CaptchaID, r.Captcha); err != nil {
		return Session{}, err
	}
	right, stale, err := p.checkPassword(ctx, r.Password, account.Password)
	if err != nil {
		return Session{}, err
	}
	if !right {
		return Session{}, p.refuse(ctx, try, about)
	}
	if account.Disabled {
		about.Kind, about.Detail = AuditSignInFailed, ErrAccountDisabled.Code
		if err := p.write(ctx, func(c *change) error { c.record(about); return nil }); err != nil {
			return Session{}, err
		}
		return Session{}, ErrAccountDisabled
	}
	fresh := ""
	if stale {
		if fresh, err = p.hashes.hash(ctx, r.Password); err != nil {
			return Session{}, err
		}
	}
	return p.letIn(ctx, r, account, try, fresh)
}

// letIn opens a session for who has given the right password, whose hash is made fresh when that is not empty.
func (p *Provider) letIn(ctx context.Context, r LoginRequest, account accountRow, try attempt, fresh string) (Session, error) {
	var s Session
	err := p.write(ctx, func(c *change) error {
		if err := succeeded(ctx, c, try); err != nil {
			return err
		}
		// The stored hash is compared again, so that a password reset that ran meanwhile wins.
		res, err := c.ExecContext(ctx, `UPDATE accounts SET password = CASE WHEN $1 = '' THEN password ELSE $1 END
			WHERE id = $2 AND password = $3 AND disabled_at = 0`, fresh, account.ID, account.Password)
		if err != nil {
			return fmt.Errorf("identity: login: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return ErrBadCredentials
		}
		s, err = p.newSession(ctx, c, account.ID, account.Name, "password", r.Address, r.UserAgent, nil)
		return err
	})
	return s, err
}

// admit lets an attempt pass the brakes and the captcha, or says why not.
func (p *Provider) admit(ctx context.Context, try attempt, about AuditRecord, captchaID, answer string) error {
	wait, suspicious, err := p.gate(ctx, try)
	if err != nil {
		return err
	}
	if wait > 0 {
		return after(ErrLockedOut, wait)
	}
	if p.cfg.Captcha == CaptchaOff || p.cfg.Captcha == CaptchaAdaptive && !suspicious {
		return nil
	}
	err = p.spendCaptcha(ctx, captchaID, answer)
	if err != nil && captchaID != "" {
		about.Kind = AuditCaptchaFailed
		if err := p.write(ctx, func(c *change) error { c.record(about); return nil }); err != nil {
			return err
		}
	}
	return err
}

// checkPassword does the same work whatever is wrong.
func (p *Provider) checkPassword(ctx context.Context, password, hash string) (right, stale bool, err error) {
	if tooLong(password) {
		password, hash = "", ""
	}
	return p.hashes.verify(ctx, password, hash)
}

func tooLong(password string) bool { return len(password) > 4*longestPassword }

// refuse counts a failed attempt.
func (p *Provider) refuse(ctx context.Context, try attempt, about AuditRecord) error {
	err := p.write(ctx, func(c *change) error {
		locked, err := p.failed(ctx, c, try)
		about.Kind, about.Detail = AuditSignInFailed, ErrBadCredentials.Code
		c.record(about)
		if locked {
			about.Kind, about.Detail = AuditLockedOut, ""
			c.record(about)
		}
		return err
	})
	if err != nil {
		return err
	}
	return ErrBadCredentials
}
