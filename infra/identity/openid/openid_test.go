package openid_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/infra/identity"
	"zhiping/infra/identity/openid"
	"zhiping/infra/identity/openid/openidtest"
)

var bureau = domain.Organization{ID: "bureau-1", Name: "省人社厅"}

func TestSignInAtTheProviderGivesASessionHere(t *testing.T) {
	w := start(t)
	s := w.signIn(t)
	require.Equal(t, identity.User{ID: s.User.ID, Name: "王科长", Roles: []domain.Role{domain.Bureau, domain.Applicant}, Organization: &bureau}, s.User)
	actor, info, err := w.Authenticate(t.Context(), s.AccessToken)
	require.NoError(t, err)
	require.Equal(t, s.User.ID, actor.ID)
	require.Equal(t, "oidc", info.Method)

	// The next sign-in is the same account, with the roles that the claims name then.
	w.provider.Claim(map[string]any{"name": "王处长"})
	again := w.signIn(t)
	require.Equal(t, identity.User{ID: s.User.ID, Name: "王处长", Roles: []domain.Role{domain.Applicant}}, again.User)
	actor, _, err = w.Authenticate(t.Context(), s.AccessToken)
	require.NoError(t, err)
	require.False(t, actor.Has(domain.Bureau), "also in the earlier session")
}

// What claims give is written down before there is a session, or there is none.
func TestThereIsNoSessionBeforeClaimsAreWrittenDown(t *testing.T) {
	w := start(t)
	w.away = errors.New("the event store is away")
	_, _, err := w.Finish(t.Context(), w.authorize(t, "/"))
	require.ErrorIs(t, err, w.away)
	records, err := w.sessions.Audit(t.Context(), identity.AuditQuery{Kind: identity.AuditSignIn})
	require.NoError(t, err)
	require.Empty(t, records)
	w.away = nil
	require.Contains(t, w.signIn(t).User.Roles, domain.Bureau)
}

func TestRolesThatWereGrantedHereSurviveASignIn(t *testing.T) {
	w := start(t)
	w.provider.Claim(nil)
	s := w.signIn(t)
	w.grant(t, s.User.ID, domain.Auditor)
	require.Equal(t, []domain.Role{domain.Applicant, domain.Auditor}, w.signIn(t).User.Roles)
}

func TestAnAnswerServesOnceAndOneBrowserOnly(t *testing.T) {
	w := start(t)
	cb := w.authorize(t, "/")
	_, _, err := w.Finish(t.Context(), cb)
	require.NoError(t, err)
	_, _, err = w.Finish(t.Context(), cb)
	require.ErrorIs(t, err, identity.ErrSignInFailed, "replayed")

	cb = w.authorize(t, "/")
	cb.Secret = "another browser's"
	_, _, err = w.Finish(t.Context(), cb)
	requireRefused(t, err, identity.ErrSignInFailed, "another browser")

	// Somebody's code with the victim's state: PKCE and the nonce belong to another sign-in.
	mine, theirs := w.authorize(t, "/"), w.authorize(t, "/")
	mine.Code = theirs.Code
	_, _, err = w.Finish(t.Context(), mine)
	requireRefused(t, err, identity.ErrSignInFailed, "token endpoint answered 400")

	cb = w.authorize(t, "/")
	cb.Issuer = "https://evil.example"
	_, _, err = w.Finish(t.Context(), cb)
	requireRefused(t, err, identity.ErrSignInFailed, "another issuer")

	cb = w.authorize(t, "/")
	cb.Error, cb.Code = "access_denied", ""
	_, _, err = w.Finish(t.Context(), cb)
	requireRefused(t, err, identity.ErrSignInFailed, "refused")

	cb = w.authorize(t, "/")
	w.skew.Store(int64(10 * time.Minute))
	_, _, err = w.Finish(t.Context(), cb)
	require.ErrorIs(t, err, identity.ErrSignInFailed, "took too long")
}

func TestAnIDTokenServesTheSignInThatAskedForIt(t *testing.T) {
	w := start(t)
	begun, err := w.Begin(t.Context(), "/")
	require.NoError(t, err)
	u, err := url.Parse(begun.URL)
	require.NoError(t, err)
	q := u.Query()
	require.NotEmpty(t, q.Get("nonce"))
	q.Set("nonce", "of another sign-in")
	u.RawQuery = q.Encode()
	begun.URL = u.String()
	_, _, err = w.Finish(t.Context(), callback(w.provider.Authorize(t, begun.URL), begun.Secret))
	requireRefused(t, err, identity.ErrSignInFailed, "for another sign-in")
}

func TestUserinfoAboutSomebodyElseIsRefused(t *testing.T) {
	w := start(t, func(c *openid.Config) { c.UserInfo = true })
	w.provider.LieAbout("id1")
	_, _, err := w.Finish(t.Context(), w.authorize(t, "/"))
	requireRefused(t, err, identity.ErrSignInFailed, "somebody else")
}

func TestNoRedirectLeadsAway(t *testing.T) {
	w := start(t)
	for _, to := range []string{"https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "/a\nb", "evil"} {
		_, got, err := w.Finish(t.Context(), w.authorize(t, to))
		require.NoError(t, err)
		require.Equal(t, "/", got, to)
	}
}

func TestSignOutEndsTheSessionHereAndAtTheProvider(t *testing.T) {
	w := start(t)
	s := w.signIn(t)
	to, err := w.Logout(t.Context(), s.AccessToken)
	require.NoError(t, err)
	_, _, err = w.Authenticate(t.Context(), s.AccessToken)
	require.ErrorIs(t, err, identity.ErrNotSignedIn)
	require.Equal(t, openidtest.ReturnURL, openidtest.Visit(t, to).String(), "the provider accepts the hint and sends the browser back")
	to, err = w.Logout(t.Context(), s.AccessToken)
	require.NoError(t, err)
	require.Empty(t, to)
}

func TestTheProvidersAccessTokensAreAccepted(t *testing.T) {
	w := start(t)
	access, id := w.provider.AccessToken(t)
	actor, info, err := w.Authenticate(t.Context(), access)
	require.NoError(t, err)
	require.Equal(t, []domain.Role{domain.Bureau, domain.Applicant}, actor.Roles)
	require.Equal(t, bureau, actor.Organization)
	require.Equal(t, "bearer", info.Method)
	require.Equal(t, w.signIn(t).User.ID, actor.ID, "the same person as in a session")

	_, _, err = w.Authenticate(t.Context(), id)
	requireRefused(t, err, identity.ErrNotSignedIn, "not an access token")

	w.grant(t, actor.ID, domain.Auditor)
	actor, _, err = w.Authenticate(t.Context(), access)
	require.NoError(t, err)
	require.True(t, actor.Has(domain.Auditor), "a role granted here holds at once")
	require.NoError(t, w.tell(t.Context(), actor.ID, account.RoleRevoked{Account: actor.ID, Role: domain.Auditor, Origin: account.ByAdmin}))
	actor, _, err = w.Authenticate(t.Context(), access)
	require.NoError(t, err)
	require.False(t, actor.Has(domain.Auditor))

	require.NoError(t, w.sessions.Disable(t.Context(), actor.ID, "admin"))
	_, _, err = w.Authenticate(t.Context(), access)
	require.ErrorIs(t, err, identity.ErrAccountDisabled)
	_, _, err = w.Finish(t.Context(), w.authorize(t, "/"))
	require.ErrorIs(t, err, identity.ErrAccountDisabled)
}

func TestKeysRotate(t *testing.T) {
	w := start(t)
	old, _ := w.provider.AccessToken(t)
	_, _, err := w.Authenticate(t.Context(), old)
	require.NoError(t, err)
	w.provider.Rotate(t, "second")
	fresh, _ := w.provider.AccessToken(t)
	w.skew.Store(int64(6 * time.Second))
	_, _, err = w.Authenticate(t.Context(), fresh)
	require.NoError(t, err)
	w.skew.Store(int64(time.Minute))
	_, _, err = w.Authenticate(t.Context(), old)
	require.ErrorIs(t, err, identity.ErrNotSignedIn, "the old key is gone, and what was remembered of it")
	w.signIn(t)
}

func TestMadeUpKeyIDsDoNotFloodTheProvider(t *testing.T) {
	w := start(t)
	before := w.provider.Fetches()
	for i := range 50 {
		_, key := w.provider.Key()
		_, _, err := w.Authenticate(t.Context(), openidtest.SignWith(t, jose.RS256, key, fmt.Sprint("made-up-", i), w.goodClaims()))
		require.ErrorIs(t, err, identity.ErrNotSignedIn)
	}
	require.LessOrEqual(t, w.provider.Fetches()-before, int64(2))
}

func (w *world) goodClaims() map[string]any {
	now := time.Now().Unix()
	return map[string]any{"iss": w.provider.Issuer, "aud": []string{"zhiping"}, "sub": "id2", "iat": now, "exp": now + 300}
}

func TestForgedTokensAreRefused(t *testing.T) {
	w := start(t)
	with := func(name string, value any) map[string]any {
		c := w.goodClaims()
		if c[name] = value; value == nil {
			delete(c, name)
		}
		return c
	}
	now := time.Now().Unix()
	good := w.provider.Sign(t, w.goodClaims())
	_, _, err := w.Authenticate(t.Context(), good)
	require.NoError(t, err)
	parts := strings.Split(good, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	for name, raw := range map[string]string{
		"wrong audience":     w.provider.Sign(t, with("aud", "somebody-else")),
		"no audience":        w.provider.Sign(t, with("aud", nil)),
		"wrong issuer":       w.provider.Sign(t, with("iss", "https://evil.example")),
		"expired":            w.provider.Sign(t, with("exp", now-61)),
		"never expires":      w.provider.Sign(t, with("exp", nil)),
		"not valid yet":      w.provider.Sign(t, with("nbf", now+90)),
		"from the future":    w.provider.Sign(t, with("iat", now+90)),
		"names nobody":       w.provider.Sign(t, with("sub", nil)),
		"alg none":           b64([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + ".",
		"alg none with kid":  b64([]byte(`{"alg":"none","kid":"first"}`)) + "." + parts[1] + "." + parts[2],
		"tampered payload":   parts[0] + "." + b64([]byte(strings.Replace(string(must(base64.RawURLEncoding.DecodeString(parts[1]))), "id2", "id1", 1))) + "." + parts[2],
		"tampered signature": good[:len(good)-8] + "AAAAAAAA",
		"no signature":       parts[0] + "." + parts[1] + ".",
		"too long":           parts[0] + "." + strings.Repeat("A", 20_000) + "." + parts[2],
		"nonsense":           "a.b.c",
		"empty parts":        "..",
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := w.Authenticate(t.Context(), raw)
			require.ErrorIs(t, err, identity.ErrNotSignedIn)
		})
	}
	kid, _ := w.provider.Key()
	for name, key := range w.provider.PublicKey(t) {
		t.Run("the public key in "+name+" as HMAC", func(t *testing.T) {
			for _, alg := range []jose.SignatureAlgorithm{jose.HS256, jose.HS512} {
				_, _, err := w.Authenticate(t.Context(), openidtest.SignWith(t, alg, key, kid, w.goodClaims()))
				requireRefused(t, err, identity.ErrNotSignedIn, "algorithm")
			}
		})
	}
}

func TestClocksMayDisagreeByAMinute(t *testing.T) {
	w := start(t)
	claims := w.goodClaims()
	claims["exp"] = time.Now().Unix() + 100
	token := w.provider.Sign(t, claims)
	for skew, ok := range map[time.Duration]bool{
		0: true, 150 * time.Second: true, 165 * time.Second: false, -50 * time.Second: true, -70 * time.Second: false,
	} {
		w.skew.Store(int64(skew))
		_, _, err := w.Authenticate(t.Context(), token)
		require.Equal(t, ok, err == nil, "%s: %v", skew, err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestAProviderThatIsDownDelaysAndDoesNotBreak(t *testing.T) {
	up := false
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		if !up {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = fmt.Fprintf(rw, `{"issuer":%q,"authorization_endpoint":"https://x/a","token_endpoint":"https://x/t","jwks_uri":"https://x/k"}`, srvURL(rw))
	}))
	defer srv.Close()
	w := start(t, func(c *openid.Config) { c.Issuer = srv.URL })
	_, err := w.Begin(t.Context(), "/")
	require.ErrorIs(t, err, openid.ErrIssuerUnavailable)
	wait, ok := identity.RetryAfter(err)
	require.True(t, ok)
	up = true
	_, err = w.Begin(t.Context(), "/")
	require.ErrorIs(t, err, openid.ErrIssuerUnavailable, "not asked again so soon")
	w.skew.Store(int64(wait))
	_, err = w.Begin(t.Context(), "/")
	require.ErrorContains(t, err, "issuer", "another issuer answers there")
}

func srvURL(http.ResponseWriter) string { return "https://another.example" }

func TestConfigurationFaultsAreToldAtOnce(t *testing.T) {
	_, err := openid.New(openid.Config{Issuer: "http://issuer.example", RedirectURL: "x", Mapping: openid.Mapping{Always: []domain.Role{"king"}}}, nil, nil)
	for _, want := range []string{"issuer", "client id", "redirect", "king"} {
		require.ErrorContains(t, err, want)
	}
}

func TestUserinfoFillsWhatTheIDTokenLacks(t *testing.T) {
	w := start(t, func(c *openid.Config) { c.UserInfo = true })
	w.provider.Claim(nil) // the id token names nobody; userinfo says what the profile scope allows
	require.Equal(t, "Test User2", w.signIn(t).User.Name)
	w.provider.Claim(map[string]any{"name": "王科长"})
	require.Equal(t, "王科长", w.signIn(t).User.Name, "what is signed goes first")
}

func FuzzBearer(f *testing.F) {
	w := start(f)
	good := w.provider.Sign(f, w.goodClaims())
	actor, _, err := w.Authenticate(f.Context(), good)
	require.NoError(f, err)
	me := actor.ID
	f.Add(good)
	f.Add("a.b.c")
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + ".e30.")
	f.Fuzz(func(t *testing.T, token string) {
		if actor, _, err := w.Authenticate(t.Context(), token); err == nil && actor.ID != me {
			t.Fatalf("accepted %q", token) // another spelling of the same token in base64 is no forgery
		}
		if err := w.LogoutFromProvider(t.Context(), token); err == nil {
			t.Fatalf("accepted %q", token)
		}
	})
}

func BenchmarkBearer(b *testing.B) {
	w := start(b)
	token := w.provider.Sign(b, w.goodClaims())
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, err := w.Authenticate(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
}
