package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/cmd/zhiping/internal/node"
	"zhiping/domain"
	"zhiping/infra/identity/openid/openidtest"
)

// edge is a served node, with one session a role.
type edge struct {
	s      *world.Server
	tokens []string
	routes []string // "METHOD path", of which {…} is filled in
	known  string   // a declaration of the first role's account
}

func newEdge(f *testing.F) *edge {
	s, _ := world.StartInProcess(f)
	e := &edge{s: s}
	person, officer := s.As("applicant"), s.As("unit")
	world.Bind(person, officer, world.University)
	e.known = world.StartDeclaration(person, world.Definition(f, "grade3.assessment"))
	for _, r := range domain.Roles() {
		e.tokens = append(e.tokens, s.As(string(r)).Token)
	}
	e.publish()
	return e
}

// newElsewhere is one where people sign in at an OpenID provider.
func newElsewhere(f *testing.F) *edge {
	provider := openidtest.New(f, "zhiping", "http://127.0.0.1/api/v1/auth/openid/callback")
	s, stop := world.StartInProcessWith(f, &node.Options{Data: f.TempDir(), Demo: true, BaseURL: "http://127.0.0.1",
		OIDC: node.OpenIDFlags{Issuer: provider.Issuer, ClientID: "zhiping", RolesClaim: "roles", Roles: map[string]string{"auditor": "auditor", "admin": "admin"}}})
	f.Cleanup(stop)
	e := &edge{s: s, known: uuid.NewString(), tokens: []string{"", "forged"}}
	for _, role := range []string{"auditor", "admin"} {
		claims := goodClaims(provider)
		claims["sub"], claims["roles"], claims["exp"] = role, []string{role}, time.Now().Add(24*time.Hour).Unix()
		e.tokens = append(e.tokens, provider.Sign(f, claims))
	}
	e.publish()
	return e
}

// publish reads which routes there are.
func (e *edge) publish() {
	paths, _ := (&world.Caller{Server: e.s}).Want(http.StatusOK, "", "GET", "/openapi.json", nil).Body["paths"].(map[string]any)
	for path, methods := range paths {
		operations, _ := methods.(map[string]any)
		for method := range operations {
			route := strings.ToUpper(method) + " " + path
			if unwalked[strings.Replace(route, "/api/v1", "", 1)] == "" {
				e.routes = append(e.routes, route)
			}
		}
	}
	slices.Sort(e.routes)
}

// ask sends what a stranger could: any header's value, any query, any path, any body.
func (e *edge) ask(t *testing.T, route, role uint8, id, query, header, value, contentType string, body []byte) {
	method, path, _ := strings.Cut(e.routes[int(route)%len(e.routes)], " ")
	for strings.Contains(path, "{") {
		i, j := strings.Index(path, "{"), strings.Index(path, "}")
		fill := url.PathEscape(id)
		if fill == "" || path[i:j+1] == "{id}" && id == "known" {
			fill = e.known
		}
		path = path[:i] + fill + path[j+1:]
	}
	r, err := http.NewRequestWithContext(t.Context(), method, e.s.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Skip("the client itself refuses to send it")
	}
	r.URL.RawQuery = strings.Map(printable, query)
	if token := e.tokens[int(role)%len(e.tokens)]; token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", strings.Map(printable, contentType))
	}
	if name := http.CanonicalHeaderKey(strings.Map(token, header)); name != "" && name != "Host" && name != "Transfer-Encoding" && name != "Connection" && name != "Expect" && name != "Content-Length" {
		r.Header.Set(name, strings.Map(printable, value))
	}
	// Nobody is left waiting either, and a redirect to an OpenID provider is not ours to follow.
	client := &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s %s?%s %s: %q %q: %v", method, path, query, header, value, body, err)
	}
	defer res.Body.Close()
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return // which never ends
	}
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	behind := res.StatusCode == http.StatusServiceUnavailable // an ?after= that does not come
	if res.StatusCode >= 500 && !behind {
		t.Fatalf("%s %s?%s %s: %q %q: %d %s", method, path, query, header, value, body, res.StatusCode, raw)
	}
	if res.StatusCode < 400 {
		return
	}
	var problem struct{ Code, Detail string }
	if err := json.Unmarshal(raw, &problem); err != nil || problem.Code == "" || problem.Detail == "" {
		t.Fatalf("%s %s: %d without a code or a sentence: %q", method, path, res.StatusCode, raw)
	}
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}

func token(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' {
		return r
	}
	return -1
}

// Nothing that a signed-in stranger sends is a 500, a panic, or a refusal without a code.
func FuzzRequests(f *testing.F) { newEdge(f).fuzz(f) }

// The same where people sign in at an OpenID provider, from strangers who are not signed in too.
func FuzzRequestsElsewhere(f *testing.F) { newElsewhere(f).fuzz(f) }

func (e *edge) fuzz(f *testing.F) {
	upload := "--x\r\nContent-Disposition: form-data; name=\"slot\"\r\n\r\nterm_proof\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../a\x00.pdf\"\r\n\r\n%PDF-1.4\r\n--x--\r\n"
	for i := range e.routes { // every route once as somebody, with a body that few want
		f.Add(uint8(i), uint8(i), "known", "limit=2&cursor=bgAA&status=x", "If-Match", `"1"`, "application/json", []byte(`{"name":"王","ids":[null]}`))
	}
	for _, s := range []struct{ id, query, header, value, contentType, body string }{
		{"known", "", "Idempotency-Key", "k\x7f", "multipart/form-data; boundary=x", upload},
		{"known", "asOf=2026-13-01&asOfRevision=-2", "Range", "bytes=--1", "application/json", `{"a":1,"a":2}`},
		{uuid.Nil.String(), "limit=18446744073709551616", "Idempotency-Key", "", "", ""},
		{"../../etc", "types=,,zhiping.&limit=x", "Last-Event-ID", "x", "text/plain", "\xff"},
		{"", "from=yesterday&to=&type=%00", "Cookie", "zhiping_session=a; zhiping_qr=\"", "application/json", `[[[[[[[[`},
		{"known", "organization=%2e%2e&q=%25", "Accept-Language", "en;q=NaN", "application/json; charset=x", `{"opinion":"\ud800","modules":[""]}`},
		{"x", "state=%00&code=a&iss=http://evil.example&error=", "Cookie", "zhiping_openid=a", "application/x-www-form-urlencoded", "logout_token=eyJhbGciOiJub25lIn0.e30."},
		{"x", "returnTo=//evil.example", "Authorization", "Bearer eyJhbGciOiJub25lIn0.e30.", "application/json", `{"account":"applicant","password":"x","captchaId":"\u0000"}`},
		{"12220000127701509T", "uscc=１２３", "If-None-Match", `W/"`, "multipart/form-data", upload},
	} {
		for role := range uint8(len(e.tokens)) {
			f.Add(role*7, role, s.id, s.query, s.header, s.value, s.contentType, []byte(s.body))
		}
	}
	f.Fuzz(func(t *testing.T, route, role uint8, id, query, header, value, contentType string, body []byte) {
		if len(id) > 300 || len(query) > 2000 || len(value) > 2000 || len(body) > 1<<16 {
			t.Skip("longer than what the sizes' own tests are about")
		}
		if strings.Contains(query, "after") || strings.EqualFold(header, "X-After-Position") {
			t.Skip("waits for a position, five seconds each")
		}
		e.ask(t, route, role, id, query, header, value, contentType, body)
	})
}
