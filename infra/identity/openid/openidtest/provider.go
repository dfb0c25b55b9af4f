// Package openidtest runs a real OpenID provider on a local port, for tests: zitadel's, with its example users, keys that
// rotate, JWT access tokens and claims of the test's choosing. Nothing but tests may import it.
package openidtest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Provider is a running OpenID provider with one client. Safe for concurrent use.
type Provider struct {
	Issuer string

	op           *op.Provider
	store        *store
	fetches      atomic.Int64
	id, redirect string
}

// ClientSecret is the secret of the one client.
const ClientSecret = "client secret"

// ReturnURL is where the client may have people sent after a sign-out.
const ReturnURL = "http://localhost/bye"

// Subject is the one person who signs in.
const Subject = "id2"

// New starts a provider that knows one client; the test's end stops it.
func New(t testing.TB, clientID, redirect string) *Provider {
	t.Helper()
	p := &Provider{id: clientID, redirect: redirect}
	var handler http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			p.fetches.Add(1)
		}
		handler.ServeHTTP(rw, r)
	}))
	t.Cleanup(srv.Close)
	p.Issuer = srv.URL
	p.store = &store{Storage: storage.NewStorageWithClients(storage.NewUserStore(p.Issuer),
		map[string]*storage.Client{clientID: storage.WebClient(clientID, ClientSecret, redirect)})}
	p.Rotate(t, "first")
	var err error
	p.op, err = op.NewProvider(&op.Config{CryptoKey: [32]byte{1}, CodeMethodS256: true, DefaultLogoutRedirectURI: "/out"}, p.store,
		op.StaticIssuer(p.Issuer), op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	handler = p.op
	return p
}

// Claim sets what id tokens and access tokens claim from now on.
func (p *Provider) Claim(claims map[string]any) {
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	p.store.claims = claims
}

// LieAbout makes the userinfo endpoint speak of somebody else.
func (p *Provider) LieAbout(subject string) {
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	p.store.about = subject
}

// Rotate replaces all signing keys by a new one.
func (p *Provider) Rotate(t testing.TB, id string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	p.store.keys = []*signingKey{{id, key}}
}

// Key is the signing key in use, with its id.
func (p *Provider) Key() (id string, key *rsa.PrivateKey) {
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	k := p.store.keys[len(p.store.keys)-1]
	return k.id, k.key
}

// Sign makes a token of any claims with the key in use.
func (p *Provider) Sign(t testing.TB, claims map[string]any) string {
	t.Helper()
	id, key := p.Key()
	return SignWith(t, jose.RS256, key, id, claims)
}

// SignWith makes a token of any claims with any key.
func SignWith(t testing.TB, alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	t.Helper()
	opts := (&jose.SignerOptions{}).WithType("JWT")
	if kid != "" {
		opts = opts.WithHeader("kid", kid)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	require.NoError(t, err)
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	signed, err := s.Sign(payload)
	require.NoError(t, err)
	out, err := signed.CompactSerialize()
	require.NoError(t, err)
	return out
}

// PublicKey is the public key in use, as somebody would mistake it for a shared secret: PEM and DER, both ways to write it.
func (p *Provider) PublicKey(t testing.TB) map[string][]byte {
	t.Helper()
	_, key := p.Key()
	pkix, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	pkcs1 := x509.MarshalPKCS1PublicKey(&key.PublicKey)
	return map[string][]byte{
		"PKIX DER": pkix, "PKIX PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix}),
		"PKCS 1 DER": pkcs1, "PKCS 1 PEM": pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1}),
	}
}

// Fetches is how often the keys were asked for.
func (p *Provider) Fetches() int64 { return p.fetches.Load() }

// Visit follows one redirect and answers where it leads.
func Visit(t testing.TB, address string) *url.URL {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusFound, res.StatusCode, string(body))
	u, err := url.Parse(res.Header.Get("Location"))
	require.NoError(t, err)
	return u
}

// Authorize is the person at the provider: it goes to the address that began the sign-in, types a password, and
// answers where the browser is sent back to.
func (p *Provider) Authorize(t testing.TB, address string) *url.URL {
	t.Helper()
	id := Visit(t, address).Query().Get("authRequestID")
	require.NoError(t, p.store.CheckUsernamePassword("test-user2", "verysecure", id))
	back := Visit(t, p.Issuer+op.AuthCallbackURL(p.op)(op.ContextWithIssuer(t.Context(), ""), id))
	require.True(t, strings.HasPrefix(back.String(), p.redirect+"?"), back)
	return back
}

// AccessToken gets a JWT access token, and the id token beside it, as a program of the client's would.
func (p *Provider) AccessToken(t testing.TB) (access, id string) {
	t.Helper()
	verifier := strings.Repeat("v", 43)
	q := url.Values{"client_id": {p.id}, "redirect_uri": {p.redirect}, "response_type": {"code"}, "scope": {"openid profile"}, "state": {"s"},
		"nonce": {"n"}, "code_challenge": {oidc.NewSHACodeChallenge(verifier)}, "code_challenge_method": {"S256"}}
	code := p.Authorize(t, p.Issuer+"/authorize?"+q.Encode()).Query().Get("code")
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {p.redirect}, "code_verifier": {verifier}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.Issuer+"/oauth/token", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(p.id, url.QueryEscape(ClientSecret))
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	var tokens struct {
		Access string `json:"access_token"`
		ID     string `json:"id_token"`
	}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&tokens))
	require.NotEmpty(t, tokens.Access)
	return tokens.Access, tokens.ID
}

// store is the provider's example storage with our keys and claims.
type store struct {
	*storage.Storage
	mu     sync.Mutex
	keys   []*signingKey
	claims map[string]any
	about  string // whom userinfo is about, when it lies
}

func (s *store) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, tokenID, subject, origin string) error {
	err := s.Storage.SetUserinfoFromToken(ctx, info, tokenID, subject, origin)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.about != "" {
		info.Subject = s.about
	}
	return err
}

func (s *store) SigningKey(context.Context) (op.SigningKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[len(s.keys)-1], nil
}

func (s *store) KeySet(context.Context) ([]op.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []op.Key
	for _, k := range s.keys {
		out = append(out, publicKey{k})
	}
	return out, nil
}

func (s *store) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.claims, nil
}

func (s *store) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, r op.IDTokenRequest, _ []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	info.Subject = r.GetSubject()
	for k, v := range s.claims {
		info.AppendClaims(k, v)
	}
	return nil
}

func (s *store) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := s.Storage.GetClientByClientID(ctx, id)
	return client{c}, err
}

// client gets JWTs for access tokens, and may send people back to us.
type client struct{ op.Client }

func (client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }
func (client) PostLogoutRedirectURIs() []string    { return []string{ReturnURL} }

type signingKey struct {
	id  string
	key *rsa.PrivateKey
}

func (k *signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k *signingKey) Algorithm() jose.SignatureAlgorithm          { return jose.RS256 }
func (k *signingKey) Use() string                                 { return "sig" }
func (k *signingKey) ID() string                                  { return k.id }
func (k *signingKey) Key() any                                    { return k.key }

type publicKey struct{ *signingKey }

func (k publicKey) Key() any { return &k.key.PublicKey }
