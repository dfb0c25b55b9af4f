package openid_test

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/domain/account"
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
	written  map[string]account.State
	away     error // why nothing can be written down; nil when it can
}

// Claimed writes down what claims give and take, as the command does, and has it applied at once.
func (w *world) Claimed(ctx context.Context, id string, c account.Claim, _ string) error {
	events, err := account.Decide(w.written[id], account.Facts{Account: id, Origin: account.ByProvider}, c)
	for _, e := range events {
		err = errors.Join(err, w.tell(ctx, id, e))
	}
	return errors.Join(err, w.away)
}

func (w *world) tell(ctx context.Context, id string, e account.Event) error {
	w.written[id] = account.Evolve(w.written[id], e)
	at, err := w.sessions.Position(ctx)
	return errors.Join(err, w.sessions.Apply(ctx, []domain.Recorded{{Stream: "account-" + id, Position: at + 10, Event: e}}))
}

func (w *world) grant(t testing.TB, id string, r domain.Role) {
	t.Helper()
	require.NoError(t, w.tell(t.Context(), id, account.RoleGranted{Account: id, Role: r, Origin: account.ByAdmin}))
}

const redirect = "http://localhost:9/callback"

func start(t testing.TB, change ...func(*openid.Config)) *world {
	t.Helper()
	w := &world{provider: openidtest.New(t, "zhiping", redirect), written: map[string]account.State{}}
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
	w.Client, err = openid.New(w.cfg, w.sessions, w)
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
