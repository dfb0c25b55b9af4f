package identity

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"zhiping/domain"
)

// Bearer is an access token of the OpenID provider whose signature has been checked. The claims say who it is; what was
// signed names the token, since its text can be spelled in more than one way.
type Bearer struct {
	External
	Signed  [sha256.Size]byte // hash of the signed payload
	Issued  time.Time         // zero when the token does not say
	Expires time.Time         // when it stops being accepted
}

// cachedActor is what ActorOf remembers, valid like a remembered session: while its account's epoch has not moved.
type cachedActor struct {
	actor domain.Actor
	epoch int64
	until time.Time // the first of its grants to expire, if one does
}

// ActorOf is the actor of a bearer token that names an external person: the roles of its claims, and those that the
// account has been granted here. ErrNotSignedIn says that the token has been signed out or made void, or that the
// account was erased and nobody has signed in to it since; an account that is disabled here is refused too. All of
// that holds at once on every process.
func (p *Provider) ActorOf(ctx context.Context, b Bearer) (domain.Actor, error) {
	b.External = b.usable()
	id := b.AccountID()
	epoch, err := p.epochs.of(ctx, accountBucket(id))
	if err != nil {
		return domain.Actor{}, err
	}
	key := tokenHash(b.Signed)
	if c, ok := p.actors.Get(key); ok && c.epoch == epoch && (c.until.IsZero() || p.now().Before(c.until)) {
		return c.actor, nil
	}
	if err := p.standing(ctx, id, b); err != nil {
		p.actors.Remove(key)
		return domain.Actor{}, err
	}
	c := &cachedActor{epoch: epoch}
	if c.actor, c.until, err = p.loadActor(ctx, id, b.External); err != nil {
		return domain.Actor{}, err
	}
	p.actors.Add(key, c)
	return c.actor, nil
}

// standing tells why a token is not accepted although its provider signed it.
func (p *Provider) standing(ctx context.Context, id string, b Bearer) error {
	var disabled, erased int64
	err := p.reader.QueryRowContext(ctx, `SELECT disabled_at, erased_at FROM accounts WHERE id = $1`, id).Scan(&disabled, &erased)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("identity: external account: %w", err)
	}
	if erased != 0 {
		return ErrNotSignedIn
	}
	if disabled != 0 {
		return ErrAccountDisabled
	}
	var spent, void int64
	err = p.reader.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM spent_tokens WHERE key = $1),
		coalesce((SELECT issued_at FROM void_before WHERE account_id = $2), 0)`, b.Signed[:], id).Scan(&spent, &void)
	if err != nil {
		return fmt.Errorf("identity: bearer token: %w", err)
	}
	// Tokens tell their time in whole seconds, so one of the very second counts as earlier.
	if spent != 0 || void != 0 && millis(b.Issued) <= void {
		return ErrNotSignedIn
	}
	return nil
}

// loadActor joins the token's claims to what was granted here. What an earlier sign-in claimed is left out: this token
// brings claims of its own, which may be fewer.
func (p *Provider) loadActor(ctx context.Context, id string, e External) (domain.Actor, time.Time, error) {
	a, until, err := p.actorWithout(ctx, p.reader.querier, id, e.Name, bySignIn)
	if err != nil {
		return domain.Actor{}, until, err
	}
	if e.Organization.ID != "" {
		closed, err := isClosed(ctx, p.reader.querier, e.Organization.ID)
		if err != nil {
			return domain.Actor{}, until, err
		}
		if closed {
			e.Organization = domain.Organization{}
			e = e.usable()
		}
	}
	if a.Organization.ID == "" && e.Organization.ID != "" {
		a.Organization = e.Organization
		if a.Within, err = within(ctx, p.reader.querier, a.Organization.ID); err != nil {
			return domain.Actor{}, until, err
		}
	}
	for _, r := range e.Roles {
		if !a.Has(r) && (!r.ForOrganization() || a.Organization.ID == e.Organization.ID) {
			a.Roles = append(a.Roles, r)
		}
	}
	sortRoles(a.Roles)
	return a, until, nil
}

// EndBearer signs a bearer token out, at once on every process: it serves no more until it would have expired anyway.
func (p *Provider) EndBearer(ctx context.Context, b Bearer) error {
	id := b.AccountID()
	return p.write(ctx, func(c *change) error {
		fresh, err := spendToken(ctx, c, b.Signed[:], b.Expires)
		if err != nil || !fresh {
			return err
		}
		c.record(AuditRecord{Kind: AuditSignOut, Account: id, Detail: "bearer"})
		return revokeAccount(ctx, c.querier, id)
	})
}

// SignOutExternal ends every session of an external person, and makes void the access tokens that were issued to them up
// to then, by the provider's own clock. order names the logout token that says so, which is heeded once; it expires
// at the given time, until which it is remembered.
func (p *Provider) SignOutExternal(ctx context.Context, e External, order string, issued, expires time.Time) error {
	id := e.AccountID()
	return p.write(ctx, func(c *change) error {
		fresh, err := spendToken(ctx, c, mac(p.keys.blind, "logout token", e.Issuer, order), expires)
		if err != nil {
			return err
		}
		if !fresh {
			return ErrSignInFailed
		}
		if err := voidBefore(ctx, c, id, issued); err != nil {
			return err
		}
		c.record(AuditRecord{Kind: AuditSessionEnded, Account: id, Detail: "provider"})
		return p.shutOut(ctx, c, id)
	})
}

// spendToken remembers that a token has served, and tells whether it had not yet.
func spendToken(ctx context.Context, c *change, key []byte, expires time.Time) (bool, error) {
	res, err := c.ExecContext(ctx, `INSERT INTO spent_tokens (key, expires_at) VALUES ($1,$2) ON CONFLICT DO NOTHING`, key, millis(expires))
	if err != nil {
		return false, fmt.Errorf("identity: spent token: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// voidBefore makes void what was issued to a person up to a time, never less than was void already.
func voidBefore(ctx context.Context, c *change, account string, issued time.Time) error {
	_, err := c.ExecContext(ctx, `INSERT INTO void_before (account_id, issued_at) VALUES ($1,$2) ON CONFLICT (account_id)
		DO UPDATE SET issued_at = excluded.issued_at WHERE void_before.issued_at < excluded.issued_at`, account, millis(issued))
	if err != nil {
		return fmt.Errorf("identity: void tokens: %w", err)
	}
	return nil
}
