package e2e

import (
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/cmd/zhiping/internal/demo"
	"zhiping/infra/identity/openid/openidtest"
)

// freeAddress is a local address that was free a moment ago: the provider must know the way back before we listen.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// browser keeps cookies and follows no redirect.
type browser struct {
	t *testing.T
	*http.Client
}

func newBrowser(t *testing.T) browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return browser{t, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (b browser) visit(method, address string, body io.Reader, header ...string) (*http.Response, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, address, body)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := b.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res, string(raw)
}

// The whole way at a real OpenID provider: there and back, a session, its CSRF token, programs with access tokens,
// forged ones, rotated keys, and both ways to sign out.
func TestSignInAtAnOpenIDProvider(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	base := "http://" + address
	api := base + "/api/v1"
	provider := openidtest.New(t, "zhiping", api+"/auth/openid/callback")
	provider.Claim(map[string]any{"name": "王科长", "roles": []string{"reviewer", "unheard-of"}, "org": "demo-bureau", "org_name": "示范省人力资源和社会保障厅"})
	s := world.Start(t, t.TempDir(), "--demo", "--addr", address, "--base-url", base, "--oidc-issuer", provider.Issuer, "--oidc-client-id", "zhiping",
		"--oidc-client-secret", openidtest.ClientSecret, "--oidc-roles-claim", "roles", "--oidc-roles", "reviewer=bureau",
		"--oidc-organization-id", "org", "--oidc-organization-name", "org_name")
	nobody := &world.Caller{Server: s}
	if a := nobody.Want(200, "", "GET", "/auth/methods", nil); a.Str("openid") != "/api/v1/auth/openid" {
		t.Fatalf("%s", a.Raw)
	}
	for _, path := range []string{"/auth/login", "/auth/register", "/auth/captcha", "/auth/codes", "/auth/password/reset", "/auth/qr"} {
		nobody.Want(404, "sign_in_elsewhere", "POST", path, map[string]any{"account": "admin", "password": demo.Password})
	}

	signIn := func(b browser) string {
		t.Helper()
		res, body := b.visit("GET", api+"/auth/openid?returnTo=/portal%3Fa=1", nil)
		if res.StatusCode != 302 {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
		return provider.Authorize(t, res.Header.Get("Location")).String()
	}
	b := newBrowser(t)
	back := signIn(b)
	if res, _ := newBrowser(t).visit("GET", back, nil); res.StatusCode != 401 {
		t.Fatalf("another browser's answer: %d", res.StatusCode)
	}
	back = signIn(b)
	res, body := b.visit("GET", back, nil)
	if res.StatusCode != 303 || res.Header.Get("Location") != "/portal?a=1" {
		t.Fatalf("%d %s %s", res.StatusCode, res.Header.Get("Location"), body)
	}
	if res, _ := b.visit("GET", back, nil); res.StatusCode != 401 {
		t.Fatalf("the answer served twice: %d", res.StatusCode)
	}
	res, body = b.visit("GET", api+"/me", nil)
	csrf := res.Header.Get("X-CSRF-Token")
	if res.StatusCode != 200 || !strings.Contains(body, "王科长") || !strings.Contains(body, `"bureau"`) || strings.Contains(body, "unheard-of") || csrf == "" {
		t.Fatalf("%d %s csrf %q", res.StatusCode, body, csrf)
	}
	if res, _ := b.visit("POST", api+"/auth/logout", nil); res.StatusCode != 403 {
		t.Fatalf("a command with the cookie and no CSRF token: %d", res.StatusCode)
	}

	access, id := provider.AccessToken(t)
	program := &world.Caller{Server: s, Token: access}
	if got := program.Want(200, "", "GET", "/me", nil).Str("name"); got != "王科长" {
		t.Fatal(got)
	}
	forgedTokens(t, s, provider, access, id)

	// Programs sign out too: the token is dead at once, and not the person's session in the browser.
	program.Token, _ = provider.AccessToken(t)
	program.Want(200, "", "GET", "/me", nil)
	program.Want(204, "", "POST", "/auth/logout", nil)
	program.Want(401, "not_signed_in", "GET", "/me", nil)
	if res, _ := b.visit("GET", api+"/me", nil); res.StatusCode != 200 {
		t.Fatalf("%d", res.StatusCode)
	}

	res, _ = b.visit("POST", api+"/auth/logout", nil, "X-CSRF-Token", csrf)
	end, err := url.Parse(res.Header.Get("X-Logout-URL"))
	if err != nil || res.StatusCode != 204 || !strings.HasPrefix(end.String(), provider.Issuer) || end.Query().Get("id_token_hint") == "" {
		t.Fatalf("%d %v %v", res.StatusCode, end, err)
	}
	if res, _ := b.visit("GET", api+"/me", nil); res.StatusCode != 401 {
		t.Fatalf("signed out, and %d", res.StatusCode)
	}

	// The provider signs the person out everywhere.
	b.visit("GET", signIn(b), nil)
	if res, _ := b.visit("GET", api+"/me", nil); res.StatusCode != 200 {
		t.Fatalf("%d", res.StatusCode)
	}
	claims := goodClaims(provider)
	claims["jti"], claims["events"] = "1", map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}
	form := url.Values{"logout_token": {provider.Sign(t, claims)}}.Encode()
	if res, body := newBrowser(t).visit("POST", api+"/auth/openid/logout", strings.NewReader(form), "Content-Type", "application/x-www-form-urlencoded"); res.StatusCode != 200 {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	if res, _ := b.visit("GET", api+"/me", nil); res.StatusCode != 401 {
		t.Fatalf("signed out by the provider, and %d", res.StatusCode)
	}
	if log := s.Log.String(); strings.Contains(log, openidtest.ClientSecret) || strings.Contains(log, access) || strings.Contains(log, id) {
		t.Fatal("a secret is in the log")
	}
}

func goodClaims(p *openidtest.Provider) map[string]any {
	now := time.Now().Unix()
	return map[string]any{"iss": p.Issuer, "aud": "zhiping", "sub": openidtest.Subject, "iat": now, "exp": now + 300}
}

func forgedTokens(t *testing.T, s *world.Server, provider *openidtest.Provider, access, id string) {
	t.Helper()
	with := func(name string, value any) string {
		c := goodClaims(provider)
		c[name] = value
		return provider.Sign(t, c)
	}
	parts, now := strings.Split(access, "."), time.Now().Unix()
	b64 := base64.RawURLEncoding.EncodeToString
	(&world.Caller{Server: s, Token: with("name", "x")}).Want(200, "", "GET", "/me", nil) // the helper signs what is accepted
	for name, token := range map[string]string{
		"an id token":          id,
		"tampered":             parts[0] + "." + parts[1] + "AA." + parts[2],
		"alg none":             b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
		"wrong audience":       with("aud", "another"),
		"wrong issuer":         with("iss", "https://evil.example"),
		"expired":              with("exp", now-61),
		"not valid yet":        with("nbf", now+90),
		"issued in the future": with("iat", now+90),
	} {
		if a := (&world.Caller{Server: s, Token: token}).Do("GET", "/me", nil); a.Status != 401 {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
	kid, _ := provider.Key()
	for name, key := range provider.PublicKey(t) {
		token := openidtest.SignWith(t, jose.HS256, key, kid, goodClaims(provider))
		if a := (&world.Caller{Server: s, Token: token}).Do("GET", "/me", nil); a.Status != 401 {
			t.Errorf("the public key in %s as HMAC: %d %s", name, a.Status, a.Raw)
		}
	}
	// Clocks may disagree by less than a minute.
	(&world.Caller{Server: s, Token: with("exp", now-30)}).Want(200, "", "GET", "/me", nil)
	(&world.Caller{Server: s, Token: with("nbf", now+30)}).Want(200, "", "GET", "/me", nil)
	provider.Rotate(t, "second")
	fresh := &world.Caller{Server: s, Token: with("name", "y")}
	s.Eventually("the new key is known", func() bool { return fresh.Do("GET", "/me", nil).Status == 200 })
}
