package openid_test

import (
	"errors"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/infra/identity"
	"zhiping/infra/identity/openid"
	"zhiping/infra/identity/openid/openidtest"
)

// A world is a real OpenID provider on a local port, and a client of it.
type world struct {
	*openid.Client
	provider *openidtest.Provider
	cfg      openid.Config
	sessions *identity.Provider
	skew     atomic.Int64 // our clock's distance from the provider's
}

const redirect = "http://localhost:9/callback"

func start(t testing.TB, change ...func(*openid.Config)) *world {
	t.Helper()
	w := &world{provider: openidtest.New(t, "zhiping", redirect)}
	w.provider.Claim(map[string]any{"realm_access": map[string]any{"roles": []string{"reviewer", "unheard-of"}},
		"org_id": "bureau-1", "org_name": "省人社厅", "name": "王科长"})
	clock := func() time.Time { return time.Now().Add(time.Duration(w.skew.Load())) }
	var err error
	w.sessions, err = identity.Open(t.Context(), identity.Config{
		Path: filepath.Join(t.TempDir(), "identity.db"), External: true, Clock: clock,
		Argon2: identity.Argon2{Memory: 16, Time: 1, Threads: 1},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.sessions.Close()) })
	w.cfg = openid.Config{
		Issuer: w.provider.Issuer, ClientID: "zhiping", ClientSecret: openidtest.ClientSecret, RedirectURL: redirect, PostLogoutURL: openidtest.ReturnURL,
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

// authorize is the person at the provider: it goes where Begin says, types a password, and comes back.
func (w *world) authorize(t testing.TB, returnTo string) openid.Callback {
	t.Helper()
	begun, err := w.Begin(t.Context(), returnTo)
	require.NoError(t, err)
	return callback(w.provider.Authorize(t, begun.URL), begun.Secret)
}

func callback(back *url.URL, secret string) openid.Callback {
	q := back.Query()
	return openid.Callback{State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss"), Error: q.Get("error"), Secret: secret, Address: "192.0.2.1", UserAgent: "test"}
}

func (w *world) signIn(t testing.TB) identity.Session {
	t.Helper()
	s, to, err := w.Finish(t.Context(), w.authorize(t, "/portal?x=1"))
	require.NoError(t, err)
	require.Equal(t, "/portal?x=1", to)
	return s
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
