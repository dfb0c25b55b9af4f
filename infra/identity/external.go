package identity

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"zhiping/domain"
)

// External is a person as an OpenID provider names them.
type External struct {
	Issuer       string
	Subject      string
	Name         string
	Email        string
	Roles        []domain.Role       // an officer's roles count only with an organization
	Organization domain.Organization // empty for nobody's officer
}

// AccountID is the id of the person's account. It follows from issuer and subject alone, so that every node knows it
// without asking.
func (e External) AccountID() string {
	return domain.DerivedID("openid", e.Issuer, e.Subject).String()
}

// usable is the person with the roles that count.
func (e External) usable() External {
	e.Roles = slices.DeleteFunc(slices.Clone(e.Roles), func(r domain.Role) bool {
		return !slices.Contains(domain.Roles(), r) || officer(r) && e.Organization.ID == ""
	})
	return e
}

// SignInExternal gives a session to a person whom an OpenID provider has signed in. The account is made at the first
// sign-in; its name and the roles from the provider's claims are renewed at each. hint is the id token, kept
// encrypted for the sign-out at the provider.
func (p *Provider) SignInExternal(ctx context.Context, e External, address, agent string, hint []byte) (Session, error) {
	e = e.usable()
	id := e.AccountID()
	sealed, err := p.keys.sealed(p.cfg.Rand, hint, "hint "+id)
	if err != nil {
		return Session{}, err
	}
	var s Session
	err = p.write(ctx, func(c *change) error {
		// Who has been erased and signs in again is taken up anew; who has been disabled stays so.
		if _, err := c.ExecContext(ctx, `INSERT INTO accounts (id, name, email, subject, created_at) VALUES ($1,$2,$3,$4,$5)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email, subject = excluded.subject,
			disabled_at = CASE WHEN accounts.erased_at <> 0 THEN 0 ELSE accounts.disabled_at END, erased_at = 0`,
			id, e.Name, e.Email, e.Issuer+" "+e.Subject, millis(p.now())); err != nil {
			return fmt.Errorf("identity: external account: %w", err)
		}
		var disabled int64
		if err := c.QueryRowContext(ctx, `SELECT disabled_at FROM accounts WHERE id = $1`, id).Scan(&disabled); err != nil {
			return fmt.Errorf("identity: external account: %w", err)
		}
		if disabled != 0 {
			return ErrAccountDisabled
		}
		if err := p.claim(ctx, c, id, e); err != nil {
			return err
		}
		var err error
		s, err = p.newSession(ctx, c, id, e.Name, "oidc", address, agent, sealed)
		return err
	})
	return s, err
}

// SignOutHint is the id token that a session began with, or nothing.
func (p *Provider) SignOutHint(ctx context.Context, token string) (string, error) {
	var account string
	var sealed []byte
	key := sha256.Sum256([]byte(token))
	err := p.reader.QueryRowContext(ctx, `SELECT account_id, hint FROM sessions WHERE token = $1`, key[:]).Scan(&account, &sealed)
	if errors.Is(err, sql.ErrNoRows) || err == nil && sealed == nil {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("identity: session: %w", err)
	}
	hint, err := p.keys.opened(sealed, "hint "+account)
	return string(hint), err
}

// KeepFlow remembers, encrypted, what belongs to a sign-in that is under way at an OpenID provider.
func (p *Provider) KeepFlow(ctx context.Context, state string, value []byte, life time.Duration) error {
	sealed, err := p.keys.sealed(p.cfg.Rand, value, "flow "+state)
	if err != nil {
		return err
	}
	if _, err := p.writer.ExecContext(ctx, `INSERT INTO flows (state, sealed, expires_at) VALUES ($1,$2,$3)`,
		digest(state), sealed, millis(p.now().Add(life))); err != nil {
		return fmt.Errorf("identity: flow: %w", err)
	}
	return nil
}

// TakeFlow answers what KeepFlow was given, once. ErrSignInFailed says that there is no such flow, or not any more.
func (p *Provider) TakeFlow(ctx context.Context, state string) ([]byte, error) {
	var sealed []byte
	var expires int64
	err := p.writer.QueryRowContext(ctx, `DELETE FROM flows WHERE state = $1 RETURNING sealed, expires_at`, digest(state)).Scan(&sealed, &expires)
	if errors.Is(err, sql.ErrNoRows) || err == nil && p.now().UnixMilli() >= expires {
		return nil, ErrSignInFailed
	}
	if err != nil {
		return nil, fmt.Errorf("identity: flow: %w", err)
	}
	return p.keys.opened(sealed, "flow "+state)
}
