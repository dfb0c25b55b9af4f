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
	"zhiping/domain/account"
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
		return !slices.Contains(domain.Roles(), r) || r.ForOrganization() && e.Organization.ID == ""
	})
	return e
}

// Claims are the roles that count, as their provider's.
func (e External) Claims() account.Claim {
	e = e.usable()
	c := account.Claim{Issuer: e.Issuer}
	for _, r := range e.Roles {
		held := account.Claimed{Role: r}
		if r.ForOrganization() {
			held.Organization = e.Organization
		}
		c.Roles = append(c.Roles, held)
	}
	return c
}

// TakeUp makes the account of a person whom an OpenID provider has signed in, at the first sign-in, and renews its name at
// each. Its roles are granted by events. It answers the account's id.
func (p *Provider) TakeUp(ctx context.Context, e External) (string, error) {
	id := e.AccountID()
	return id, p.write(ctx, func(c *change) error {
		// Who has been erased and signs in again is taken up anew; who has been disabled stays so.
		if _, err := c.ExecContext(ctx, `INSERT INTO accounts (id, name, email, subject, created_at) VALUES ($1,$2,$3,$4,$5)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email, subject = excluded.subject,
			disabled_at = CASE WHEN accounts.erased_at <> 0 THEN 0 ELSE accounts.disabled_at END, erased_at = 0`,
			id, e.Name, e.Email, e.Issuer+" "+e.Subject, millis(p.now())); err != nil {
			return fmt.Errorf("identity: external account: %w", err)
		}
		if _, err := enabled(ctx, c.querier, id); err != nil {
			return err
		}
		return revokeAccount(ctx, c.querier, id) // sessions that are there already name the person too
	})
}

// enabled answers the name of an account that may sign in.
func enabled(ctx context.Context, q querier, id string) (name string, err error) {
	var disabled int64
	err = q.QueryRowContext(ctx, `SELECT name, disabled_at FROM accounts WHERE id = $1 AND erased_at = 0`, id).Scan(&name, &disabled)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", ErrSignInFailed
	case err != nil:
		return "", fmt.Errorf("identity: external account: %w", err)
	case disabled != 0:
		return "", ErrAccountDisabled
	}
	return name, nil
}

// SignInExternal gives a session to a person who has been taken up, with the roles that are on record by now. hint is the
// id token, kept encrypted for the sign-out at the provider.
func (p *Provider) SignInExternal(ctx context.Context, e External, address, agent string, hint []byte) (Session, error) {
	id := e.AccountID()
	sealed, err := p.keys.sealed(p.cfg.Rand, hint, "hint "+id)
	if err != nil {
		return Session{}, err
	}
	var s Session
	err = p.write(ctx, func(c *change) error {
		name, err := enabled(ctx, c.querier, id)
		if err != nil {
			return err
		}
		s, err = p.newSession(ctx, c, id, name, "oidc", address, agent, sealed)
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
