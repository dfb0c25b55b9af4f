package openid_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/infra/identity"
	"zhiping/infra/identity/openid"
)

func TestTheProviderMaySignPeopleOut(t *testing.T) {
	w := start(t)
	s := w.signIn(t)
	claims := w.goodClaims()
	claims["jti"] = "1"
	require.ErrorIs(t, w.LogoutFromProvider(t.Context(), w.provider.Sign(t, claims)), identity.ErrSignInFailed, "no logout token")
	claims["events"] = map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}
	token := w.provider.Sign(t, claims)
	_, _, err := w.Authenticate(t.Context(), token)
	require.ErrorIs(t, err, identity.ErrNotSignedIn, "a logout token is no access token")
	_, _, err = w.Authenticate(t.Context(), s.AccessToken)
	require.NoError(t, err)
	require.NoError(t, w.LogoutFromProvider(t.Context(), token))
	_, _, err = w.Authenticate(t.Context(), s.AccessToken)
	require.ErrorIs(t, err, identity.ErrNotSignedIn)
	require.ErrorIs(t, w.LogoutFromProvider(t.Context(), "x"), identity.ErrSignInFailed)
}

// another is a second node on the same database.
func (w *world) another(t testing.TB) *openid.Client {
	t.Helper()
	c, err := openid.New(w.cfg, w.sessions, w)
	require.NoError(t, err)
	return c
}

// token is an access token with claims changed.
func (w *world) token(t testing.TB, change map[string]any) string {
	t.Helper()
	claims := w.goodClaims()
	maps.Copy(claims, change)
	return w.provider.Sign(t, claims)
}

func (w *world) order(t testing.TB, jti string, issued time.Time) string {
	t.Helper()
	return w.token(t, map[string]any{"jti": jti, "iat": issued.Unix(), "exp": issued.Add(2 * time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}})
}

func TestATokenWithoutTheRolesOfAnEarlierSignInHasNone(t *testing.T) {
	w := start(t)
	require.Contains(t, w.signIn(t).User.Roles, domain.Bureau)
	actor, _, err := w.Authenticate(t.Context(), w.token(t, map[string]any{"realm_access": nil, "org_id": nil}))
	require.NoError(t, err)
	require.Equal(t, []domain.Role{domain.Applicant}, actor.Roles)
	require.Empty(t, actor.Organization)
	w.grant(t, actor.ID, domain.Auditor)
	actor, _, err = w.Authenticate(t.Context(), w.token(t, map[string]any{"realm_access": nil, "org_id": nil}))
	require.NoError(t, err)
	require.True(t, actor.Has(domain.Auditor), "what was granted here counts")
}

func TestASignedOutAccessTokenIsDeadOnEveryNode(t *testing.T) {
	w := start(t)
	nodes := []*openid.Client{w.Client, w.another(t)}
	token, other := w.token(t, map[string]any{"jti": "a"}), w.token(t, map[string]any{"jti": "b"})
	for _, node := range nodes {
		_, _, err := node.Authenticate(t.Context(), token)
		require.NoError(t, err)
	}
	to, err := w.Logout(t.Context(), token)
	require.NoError(t, err)
	require.Empty(t, to)
	for _, node := range nodes {
		_, _, err := node.Authenticate(t.Context(), token)
		require.ErrorIs(t, err, identity.ErrNotSignedIn)
		_, _, err = node.Authenticate(t.Context(), other)
		require.NoError(t, err, "another token of the same person")
	}
	require.NoError(t, w.sessions.Sweep(t.Context()))
	_, _, err = w.Authenticate(t.Context(), token)
	require.ErrorIs(t, err, identity.ErrNotSignedIn, "remembered until it expires")
	records, err := w.sessions.Audit(t.Context(), identity.AuditQuery{Kind: identity.AuditSignOut})
	require.NoError(t, err)
	require.Len(t, records, 1)
	_, err = w.Logout(t.Context(), token[:len(token)-9]+"AAAAAAAAA")
	require.ErrorIs(t, err, identity.ErrNotSignedIn, "nobody signs a token out that they do not have")
}

// Base64 has spare bits at its end: the same signature can be written in several ways, and each must be dead.
func TestASignedOutTokenIsDeadInEverySpelling(t *testing.T) {
	w := start(t)
	token := w.token(t, nil)
	_, err := w.Logout(t.Context(), token)
	require.NoError(t, err)
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for _, letter := range letters {
		_, _, err := w.Authenticate(t.Context(), token[:len(token)-1]+string(letter))
		require.ErrorIs(t, err, identity.ErrNotSignedIn)
	}
	for _, spelled := range []string{token + "\n", strings.Replace(token, ".", "\n.", 1)} {
		_, _, err := w.Authenticate(t.Context(), spelled)
		require.ErrorIs(t, err, identity.ErrNotSignedIn)
	}
}

func TestTheProvidersSignOutMakesEarlierTokensVoid(t *testing.T) {
	w := start(t)
	now := time.Now()
	before := w.token(t, map[string]any{"iat": now.Unix() - 10})
	_, _, err := w.Authenticate(t.Context(), before)
	require.NoError(t, err)
	require.NoError(t, w.LogoutFromProvider(t.Context(), w.order(t, "1", now)))
	_, _, err = w.Authenticate(t.Context(), before)
	require.ErrorIs(t, err, identity.ErrNotSignedIn)
	_, _, err = w.Authenticate(t.Context(), w.token(t, map[string]any{"iat": nil}))
	require.ErrorIs(t, err, identity.ErrNotSignedIn, "a token that does not say when it was issued")
	_, _, err = w.Authenticate(t.Context(), w.token(t, map[string]any{"iat": now.Unix() + 1}))
	require.NoError(t, err, "issued since")
	_, _, err = w.Authenticate(t.Context(), w.token(t, map[string]any{"sub": "somebody else", "iat": now.Unix() - 10}))
	require.NoError(t, err)
}

func TestALogoutTokenIsHeededOnce(t *testing.T) {
	w := start(t)
	order := w.order(t, "1", time.Now())
	require.NoError(t, w.LogoutFromProvider(t.Context(), order))
	s := w.signIn(t)
	require.ErrorIs(t, w.LogoutFromProvider(t.Context(), order), identity.ErrSignInFailed)
	require.NoError(t, w.sessions.Sweep(t.Context()))
	require.ErrorIs(t, w.another(t).LogoutFromProvider(t.Context(), order), identity.ErrSignInFailed)
	_, _, err := w.Authenticate(t.Context(), s.AccessToken)
	require.NoError(t, err, "who has copied the token signs nobody out again")
	require.NoError(t, w.LogoutFromProvider(t.Context(), w.order(t, "2", time.Now())))
}

func TestAnErasedPersonsTokenIsVoidAtOnce(t *testing.T) {
	w := start(t)
	s := w.signIn(t)
	nodes := []*openid.Client{w.Client, w.another(t)}
	outstanding := w.token(t, map[string]any{"realm_access": map[string]any{"roles": []string{"reviewer"}}, "org_id": bureau.ID})
	for _, node := range nodes {
		actor, _, err := node.Authenticate(t.Context(), outstanding)
		require.NoError(t, err)
		require.True(t, actor.Has(domain.Bureau))
	}
	require.NoError(t, w.sessions.Erase(t.Context(), s.User.ID, "admin"))
	renewed := w.token(t, map[string]any{"iat": time.Now().Unix() + 2})
	for _, node := range nodes {
		for _, token := range []string{outstanding, renewed} {
			_, _, err := node.Authenticate(t.Context(), token)
			require.ErrorIs(t, err, identity.ErrNotSignedIn)
		}
	}
	w.signIn(t) // taken up anew, by the person and not by a program
	_, _, err := w.Authenticate(t.Context(), renewed)
	require.NoError(t, err)
	_, _, err = w.Authenticate(t.Context(), outstanding)
	require.ErrorIs(t, err, identity.ErrNotSignedIn)
}
