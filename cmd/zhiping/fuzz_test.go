package main

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

	"zhiping/domain"
)

// edge is a served node, with one session a role.
type edge struct {
	s      *server
	tokens []string
	routes []string // "METHOD path", of which {…} is filled in
	known  string   // a declaration of the first role's account
}

func newEdge(f *testing.F) *edge {
	s, _ := inside(f)
	e := &edge{s: s}
	person, officer := s.as("applicant"), s.as("unit")
	bind(person, officer, university)
	e.known = begin(person, definitionOf(f, "grade3.assessment"))
	for _, r := range domain.Roles() {
		e.tokens = append(e.tokens, s.as(string(r)).token)
	}
	paths, _ := person.want(http.StatusOK, "", "GET", "/openapi.json", nil).body["paths"].(map[string]any)
	for path, methods := range paths {
		operations, _ := methods.(map[string]any)
		for method := range operations {
			route := strings.ToUpper(method) + " " + path
			if !strings.HasSuffix(path, "/auth/login") && unwalked[strings.Replace(route, "/api/v1", "", 1)] == "" {
				e.routes = append(e.routes, route)
			}
		}
	}
	slices.Sort(e.routes)
	return e
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
	r, err := http.NewRequestWithContext(t.Context(), method, e.s.url+path, bytes.NewReader(body))
	if err != nil {
		t.Skip("the client itself refuses to send it")
	}
	r.URL.RawQuery = strings.Map(printable, query)
	r.Header.Set("Authorization", "Bearer "+e.tokens[int(role)%len(e.tokens)])
	if contentType != "" {
		r.Header.Set("Content-Type", strings.Map(printable, contentType))
	}
	if name := http.CanonicalHeaderKey(strings.Map(token, header)); name != "" && name != "Host" && name != "Transfer-Encoding" && name != "Connection" && name != "Expect" && name != "Content-Length" {
		r.Header.Set(name, strings.Map(printable, value))
	}
	res, err := (&http.Client{Timeout: 20 * time.Second}).Do(r) // nobody is left waiting either
	if err != nil {
		t.Fatalf("%s %s?%s %s: %q %q: %v", method, path, query, header, value, body, err)
	}
	defer res.Body.Close()
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
func FuzzRequests(f *testing.F) {
	e := newEdge(f)
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
