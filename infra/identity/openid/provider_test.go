package openid_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"zhiping/domain"
	"zhiping/infra/identity"
	"zhiping/infra/identity/openid"
)

// A world is a real OpenID provider on a local port, and a client of it.
type world struct {
	*openid.Client
	cfg      openid.Config
	sessions *identity.Provider
	op       *op.Provider
	store    *store
	issuer   string
	skew     atomic.Int64 // our clock's distance from the provider's
	fetches  atomic.Int64 // of the provider's keys
}

// store is the provider's example storage with keys that rotate, JWT access tokens and claims of our choosing.
type store struct {
	*storage.Storage
	mu     sync.Mutex
	keys   []*signingKey
	claims map[string]any
	about  string // whom userinfo is about, when it lies
}

func (s *store) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, tokenID, subject, origin string) error {
	err := s.Storage.SetUserinfoFromToken(ctx, info, tokenID, subject, origin)
	if s.about != "" {
		info.Subject = s.about
	}
	return err
}

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

// rotate replaces all keys by a new one.
func (s *store) rotate(t testing.TB, id string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = []*signingKey{{id, key}}
}

func (s *store) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return s.claims, nil
}

func (s *store) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, r op.IDTokenRequest, _ []string) error {
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
func (client) PostLogoutRedirectURIs() []string    { return []string{"http://localhost/bye"} }

const redirect = "http://localhost:9/callback"

func start(t testing.TB, change ...func(*openid.Config)) *world {
	t.Helper()
	w := &world{}
	var handler http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			w.fetches.Add(1)
		}
		handler.ServeHTTP(rw, r)
	}))
	t.Cleanup(srv.Close)
	w.issuer = srv.URL
	users := storage.NewUserStore(w.issuer)
	w.store = &store{
		Storage: storage.NewStorageWithClients(users, map[string]*storage.Client{"zhiping": storage.WebClient("zhiping", "client secret", redirect)}),
		claims: map[string]any{"realm_access": map[string]any{"roles": []string{"reviewer", "unheard-of"}},
			"org_id": "bureau-1", "org_name": "省人社厅", "name": "王科长"},
	}
	w.store.rotate(t, "first")
	var err error
	w.op, err = op.NewProvider(&op.Config{CryptoKey: [32]byte{1}, CodeMethodS256: true, DefaultLogoutRedirectURI: "/out"}, w.store,
		op.StaticIssuer(w.issuer), op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	handler = w.op

	clock := func() time.Time { return time.Now().Add(time.Duration(w.skew.Load())) }
	w.sessions, err = identity.Open(t.Context(), identity.Config{
		Path: filepath.Join(t.TempDir(), "identity.db"), External: true, Clock: clock,
		Argon2: identity.Argon2{Memory: 16, Time: 1, Threads: 1},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.sessions.Close()) })
	w.cfg = openid.Config{
		Issuer: w.issuer, ClientID: "zhiping", ClientSecret: "client secret", RedirectURL: redirect, PostLogoutURL: "http://localhost/bye",
		Clock: clock, Mapping: openid.Mapping{
			Roles: "/realm_access/roles", RoleNames: map[string][]domain.Role{"reviewer": {domain.Bureau}, "boss": {domain.Admin}},
			Always: []domain.Role{domain.Applicant}, OrganizationID: "org_id", OrganizationName: "org_name",
		},
	}
	for _, c := range change {
		c(&w.cfg)
	}
	w.Client, err = openid.New(w.cfg, w.sessions)
	require.NoError(t, err)
	return w
}

// visit follows one redirect and answers where it leads.
func visit(t testing.TB, address string) *url.URL {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	defer res.Body.Close() //nolint:errcheck // test
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusFound, res.StatusCode, string(body))
	u, err := url.Parse(res.Header.Get("Location"))
	require.NoError(t, err)
	return u
}

// authorize is the person at the provider: it goes where Begin says, types a password, and comes back.
func (w *world) authorize(t testing.TB, returnTo string) openid.Callback {
	t.Helper()
	begun, err := w.Begin(t.Context(), returnTo)
	require.NoError(t, err)
	return w.visitProvider(t, begun)
}

func (w *world) visitProvider(t testing.TB, begun openid.Start) openid.Callback {
	t.Helper()
	id := visit(t, begun.URL).Query().Get("authRequestID")
	require.NoError(t, w.store.CheckUsernamePassword("test-user2", "verysecure", id))
	back := visit(t, w.issuer+op.AuthCallbackURL(w.op)(op.ContextWithIssuer(t.Context(), ""), id))
	require.True(t, strings.HasPrefix(back.String(), redirect+"?"), back)
	q := back.Query()
	return openid.Callback{State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss"), Error: q.Get("error"), Secret: begun.Secret, Address: "192.0.2.1", UserAgent: "test"}
}

func (w *world) signIn(t testing.TB) identity.Session {
	t.Helper()
	s, to, err := w.Finish(t.Context(), w.authorize(t, "/portal?x=1"))
	require.NoError(t, err)
	require.Equal(t, "/portal?x=1", to)
	return s
}

// accessToken gets a JWT access token from the provider as another client of it would, without us.
func (w *world) accessToken(t testing.TB) (access, id string) {
	t.Helper()
	verifier := strings.Repeat("v", 43)
	q := url.Values{"client_id": {"zhiping"}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {"openid profile"}, "state": {"s"},
		"nonce": {"n"}, "code_challenge": {oidc.NewSHACodeChallenge(verifier)}, "code_challenge_method": {"S256"}}
	request := visit(t, w.issuer+"/authorize?"+q.Encode()).Query().Get("authRequestID")
	require.NoError(t, w.store.CheckUsernamePassword("test-user2", "verysecure", request))
	code := visit(t, w.issuer+"/authorize/callback?id="+request).Query().Get("code")
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirect}, "code_verifier": {verifier}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.issuer+"/oauth/token", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("zhiping", url.QueryEscape("client secret"))
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close() //nolint:errcheck // test
	var tokens struct {
		Access string `json:"access_token"`
		ID     string `json:"id_token"`
	}
	require.NoError(t, decode(res.Body, &tokens))
	require.NotEmpty(t, tokens.Access)
	return tokens.Access, tokens.ID
}

var errNoReason = errors.New("no reason")

func requireRefused(t testing.TB, err, want error, reason string) {
	t.Helper()
	require.ErrorIs(t, err, want)
	if err == nil {
		err = errNoReason
	}
	require.ErrorContains(t, err, reason)
}
