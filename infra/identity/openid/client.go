package openid

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/oauth2"

	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/domain/text"
	"zhiping/infra/identity"
)

// ErrIssuerUnavailable says that the OpenID provider cannot be reached.
var ErrIssuerUnavailable = domain.NewError(domain.Unavailable, "issuer_unavailable")

// Roles writes down, as events, which roles a person holds by the claims of a sign-in. Safe for concurrent use.
type Roles interface {
	// Claimed returns once the account holds by this provider exactly what the claim says, and sessions heed it.
	Claimed(ctx context.Context, account string, c account.Claim, address string) error
}

// Client speaks to one OpenID provider. It is safe for concurrent use.
type Client struct {
	cfg      Config
	sessions *identity.Provider
	roles    Roles
	known    *lru.Cache[[sha256.Size]byte, *known]

	mu     sync.Mutex
	remote *remote
	failed time.Time // when the last discovery failed
}

// remote is what discovery has told.
type remote struct {
	provider   *oidc.Provider
	oauth      oauth2.Config
	signIn     *oidc.IDTokenVerifier
	bearer     *oidc.IDTokenVerifier
	endSession string
	namesSelf  bool // puts its issuer into the callback (RFC 9207)
}

// New checks the configuration. The provider is asked at the first use, so that starting does not depend on it.
func New(cfg Config, sessions *identity.Provider, roles Roles) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	client := *cfg.HTTP
	client.Transport = &patient{next: client.Transport, keysFor: cfg.KeysFor, clock: cfg.Clock}
	cfg.HTTP = &client
	remembered, err := lru.New[[sha256.Size]byte, *known](1 << 14)
	if err != nil {
		return nil, fmt.Errorf("openid: %w", err)
	}
	return &Client{cfg: cfg, sessions: sessions, roles: roles, known: remembered}, nil
}

// ready answers what discovery told, asking at most every five seconds while the provider does not answer.
func (c *Client) ready(ctx context.Context) (*remote, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.remote != nil {
		return c.remote, nil
	}
	const pause = 5 * time.Second
	unavailable := ErrIssuerUnavailable.With(text.Args{"seconds": int(pause.Seconds())})
	if c.cfg.Clock().Sub(c.failed) < pause {
		return nil, unavailable
	}
	provider, err := oidc.NewProvider(c.context(ctx), c.cfg.Issuer)
	if err != nil {
		c.failed = c.cfg.Clock()
		return nil, errors.Join(unavailable, fmt.Errorf("openid: discovery: %w", err))
	}
	var more struct {
		EndSession string   `json:"end_session_endpoint"`
		NamesSelf  bool     `json:"authorization_response_iss_parameter_supported"`
		Challenges []string `json:"code_challenge_methods_supported"`
		JWKS       string   `json:"jwks_uri"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, fmt.Errorf("openid: discovery: %w", err)
	}
	if more.Challenges != nil && !slices.Contains(more.Challenges, "S256") {
		return nil, errors.New("openid: the provider does not know PKCE with S256")
	}
	c.cfg.HTTP.Transport.(*patient).watch(more.JWKS) //nolint:forcetypeassert // set in New
	// Expiry is checked in times, with a leeway that the library does not have.
	verifier := func(audience string) *oidc.IDTokenVerifier {
		return provider.Verifier(&oidc.Config{ClientID: audience, SkipExpiryCheck: true})
	}
	c.remote = &remote{
		provider: provider, signIn: verifier(c.cfg.ClientID), bearer: verifier(c.cfg.Audience),
		endSession: more.EndSession, namesSelf: more.NamesSelf,
		oauth: oauth2.Config{
			ClientID: c.cfg.ClientID, ClientSecret: c.cfg.ClientSecret, RedirectURL: c.cfg.RedirectURL,
			Endpoint: provider.Endpoint(), Scopes: c.cfg.Scopes,
		},
	}
	return c.remote, nil
}

// context carries our HTTP client to both libraries.
func (c *Client) context(ctx context.Context) context.Context {
	return context.WithValue(oidc.ClientContext(ctx, c.cfg.HTTP), oauth2.HTTPClient, c.cfg.HTTP)
}

// times are a token's own limits.
type times struct {
	Expires   *float64 `json:"exp"`
	NotBefore *float64 `json:"nbf"`
	Issued    *float64 `json:"iat"`
}

// check holds a token against our clock, with the leeway.
func (t times) check(now time.Time, leeway time.Duration) error {
	at := func(seconds float64) time.Time { return time.UnixMilli(int64(min(max(seconds, 0), 1e11) * 1000)) }
	switch {
	case t.Expires == nil:
		return errors.New("openid: the token does not expire")
	case !now.Before(at(*t.Expires).Add(leeway)):
		return errors.New("openid: the token has expired")
	case t.NotBefore != nil && now.Before(at(*t.NotBefore).Add(-leeway)):
		return errors.New("openid: the token is not valid yet")
	case t.Issued != nil && now.Before(at(*t.Issued).Add(-leeway)):
		return errors.New("openid: the token is from the future")
	}
	return nil
}

// verify checks a token's signature, issuer, audience and times, and answers its claims.
func (c *Client) verify(ctx context.Context, v *oidc.IDTokenVerifier, raw string) (*oidc.IDToken, map[string]any, error) {
	if len(raw) > maxToken {
		return nil, nil, errors.New("openid: the token is too long")
	}
	token, err := v.Verify(c.context(ctx), raw)
	if err != nil {
		return nil, nil, fmt.Errorf("openid: %w", err)
	}
	var payload json.RawMessage
	var limits times
	if err := errors.Join(token.Claims(&payload), token.Claims(&limits)); err != nil {
		return nil, nil, errClaims
	}
	if err := limits.check(c.cfg.Clock(), c.cfg.Leeway); err != nil {
		return nil, nil, err
	}
	claims, err := decodeClaims(payload)
	if err == nil && token.Subject == "" {
		err = errors.New("openid: the token names nobody")
	}
	return token, claims, err
}

// maxToken bounds what is parsed for a stranger.
const maxToken = 16 << 10
