package openid

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"zhiping/domain"
	"zhiping/infra/identity"
)

// known is a bearer token that has been verified.
type known struct {
	person identity.External
	limits times
	issued time.Time
	ends   time.Time
	at     time.Time // when it was verified
}

// Authenticate accepts what callers of the API send: a session's token, or an access token of the provider, which is
// a JWT. The reason why one is refused is wrapped beside identity.ErrNotSignedIn, for the log. A verified signature
// is remembered for a minute, which is also how long a key that the provider has withdrawn may still serve; expiry,
// a disabled account and changed roles are judged every time.
func (c *Client) Authenticate(ctx context.Context, token string) (domain.Actor, identity.SessionInfo, error) {
	if strings.Count(token, ".") != 2 {
		return c.sessions.Authenticate(ctx, token)
	}
	refuse := func(reason error) (domain.Actor, identity.SessionInfo, error) {
		return domain.Actor{}, identity.SessionInfo{}, errors.Join(identity.ErrNotSignedIn, reason)
	}
	key, now := sha256.Sum256([]byte(token)), c.cfg.Clock()
	k, ok := c.known.Get(key)
	if !ok || now.Sub(k.at) >= c.cfg.Remember {
		r, err := c.ready(ctx)
		if err != nil {
			return domain.Actor{}, identity.SessionInfo{}, err
		}
		if k, err = c.bearer(ctx, r, token); err != nil {
			return refuse(err)
		}
		c.known.Add(key, k)
	} else if err := k.limits.check(now, c.cfg.Leeway); err != nil {
		return refuse(err)
	}
	actor, err := c.sessions.ActorOf(ctx, k.person)
	if err != nil {
		return domain.Actor{}, identity.SessionInfo{}, err
	}
	return actor, identity.SessionInfo{Account: actor.ID, Method: "bearer", CreatedAt: k.issued, ExpiresAt: k.ends}, nil
}

// bearer verifies an access token.
func (c *Client) bearer(ctx context.Context, r *remote, raw string) (*known, error) {
	token, claims, err := c.verify(ctx, r.bearer, raw)
	if err != nil {
		return nil, err
	}
	// An id token tells a client who signed in; it is no permission to call an API, and it travels through browsers.
	for _, mark := range []string{"nonce", "at_hash", "c_hash", "events"} {
		if _, ok := claims[mark]; ok {
			return nil, errors.New("openid: not an access token")
		}
	}
	k := &known{person: c.cfg.Mapping.person(c.cfg.Issuer, token.Subject, claims), issued: token.IssuedAt, ends: token.Expiry, at: c.cfg.Clock()}
	return k, token.Claims(&k.limits)
}

// Logout ends a session and answers where the browser goes to be signed out at the provider as well; "" when it
// does not have to.
func (c *Client) Logout(ctx context.Context, token string) (string, error) {
	hint, err := c.sessions.SignOutHint(ctx, token)
	if err != nil {
		return "", err
	}
	if err := c.sessions.Logout(ctx, token); err != nil || hint == "" {
		return "", err
	}
	r, err := c.ready(ctx)
	if err != nil || r.endSession == "" {
		return "", nil //nolint:nilerr // signed out here; a provider that is down must not turn that into a failure
	}
	u, err := url.Parse(r.endSession)
	if err != nil {
		return "", fmt.Errorf("openid: end session endpoint: %w", err)
	}
	q := u.Query()
	q.Set("id_token_hint", hint)
	q.Set("client_id", c.cfg.ClientID)
	if c.cfg.PostLogoutURL != "" {
		q.Set("post_logout_redirect_uri", c.cfg.PostLogoutURL)
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// LogoutFromProvider ends every session of the person whom a back-channel logout token names.
func (c *Client) LogoutFromProvider(ctx context.Context, logoutToken string) error {
	r, err := c.ready(ctx)
	if err != nil {
		return err
	}
	if len(logoutToken) > maxToken {
		return identity.ErrSignInFailed
	}
	token, err := r.signIn.VerifyLogout(c.context(ctx), logoutToken)
	if err != nil {
		return errors.Join(identity.ErrSignInFailed, fmt.Errorf("openid: %w", err))
	}
	limits := times{Expires: seconds(token.Expiry), Issued: seconds(token.IssuedAt)}
	if err := limits.check(c.cfg.Clock(), c.cfg.Leeway); err != nil {
		return errors.Join(identity.ErrSignInFailed, err)
	}
	if token.Subject == "" {
		return errors.Join(identity.ErrSignInFailed, errors.New("openid: the logout token names nobody"))
	}
	person := identity.External{Issuer: c.cfg.Issuer, Subject: token.Subject}
	return c.sessions.EndOtherSessions(ctx, person.AccountID(), "")
}

func seconds(t time.Time) *float64 {
	s := float64(t.Unix())
	return &s
}
