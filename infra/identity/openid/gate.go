package openid

import (
	"context"
	"crypto/sha256"
	"encoding/json"
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
	bearer identity.Bearer
	limits times
	ends   time.Time
	at     time.Time // when it was verified
}

// Authenticate accepts what callers of the API send: a session's token, or an access token of the provider, which is
// a JWT. The reason why one is refused is wrapped beside identity.ErrNotSignedIn, for the log. A verified signature
// is remembered for a minute, which is also how long a key that the provider has withdrawn may still serve; expiry,
// a sign-out, a disabled account and changed roles are judged every time.
func (c *Client) Authenticate(ctx context.Context, token string) (domain.Actor, identity.SessionInfo, error) {
	if !signed(token) {
		return c.sessions.Authenticate(ctx, token)
	}
	k, err := c.verified(ctx, token)
	if err != nil {
		return domain.Actor{}, identity.SessionInfo{}, err
	}
	actor, err := c.sessions.ActorOf(ctx, k.bearer)
	if err != nil {
		return domain.Actor{}, identity.SessionInfo{}, err
	}
	return actor, identity.SessionInfo{Account: actor.ID, Method: "bearer", CreatedAt: k.bearer.Issued, ExpiresAt: k.ends}, nil
}

// signed tells a JWT from a session's token.
func signed(token string) bool { return strings.Count(token, ".") == 2 }

// verified is an access token whose signature, audience and times hold now.
func (c *Client) verified(ctx context.Context, token string) (*known, error) {
	key, now := sha256.Sum256([]byte(token)), c.cfg.Clock()
	if k, ok := c.known.Get(key); ok && now.Sub(k.at) < c.cfg.Remember {
		if err := k.limits.check(now, c.cfg.Leeway); err != nil {
			return nil, errors.Join(identity.ErrNotSignedIn, err)
		}
		return k, nil
	}
	r, err := c.ready(ctx)
	if err != nil {
		return nil, err
	}
	k, err := c.bearer(ctx, r, token)
	if err != nil {
		return nil, errors.Join(identity.ErrNotSignedIn, err)
	}
	c.known.Add(key, k)
	return k, nil
}

// bearer verifies an access token.
func (c *Client) bearer(ctx context.Context, r *remote, raw string) (*known, error) {
	token, claims, err := c.verify(ctx, r.bearer, raw)
	if err != nil {
		return nil, err
	}
	var payload json.RawMessage
	if err := token.Claims(&payload); err != nil {
		return nil, errClaims
	}
	// An id token tells a client who signed in; it is no permission to call an API, and it travels through browsers.
	for _, mark := range []string{"nonce", "at_hash", "c_hash", "events"} {
		if _, ok := claims[mark]; ok {
			return nil, errors.New("openid: not an access token")
		}
	}
	k := &known{ends: token.Expiry, at: c.cfg.Clock(), bearer: identity.Bearer{
		External: c.cfg.Mapping.person(c.cfg.Issuer, token.Subject, claims),
		Signed:   sha256.Sum256(payload), Issued: token.IssuedAt, Expires: token.Expiry.Add(c.cfg.Leeway),
	}}
	return k, token.Claims(&k.limits)
}

// Logout ends a session, or what an access token may do here, and answers where the browser goes to be signed out at the
// provider as well; "" when it does not have to.
func (c *Client) Logout(ctx context.Context, token string) (string, error) {
	if signed(token) {
		k, err := c.verified(ctx, token)
		if err != nil {
			return "", err
		}
		return "", c.sessions.EndBearer(ctx, k.bearer)
	}
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

// LogoutFromProvider ends every session of the person whom a back-channel logout token names, and makes void the access
// tokens that were issued to them before it. A logout token is heeded once.
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
	issued := token.IssuedAt
	if issued.IsZero() {
		issued = c.cfg.Clock()
	}
	return c.sessions.SignOutExternal(ctx, person, token.TokenID, issued, token.Expiry.Add(c.cfg.Leeway))
}

func seconds(t time.Time) *float64 {
	s := float64(t.Unix())
	return &s
}
