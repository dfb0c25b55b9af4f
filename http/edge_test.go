package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/readmodels"
)

// desk is the accounts of a server that signs nobody in by QR.
type desk struct{ Accounts }

func (desk) Sessions(context.Context, string, *OpenSession, int) ([]OpenSession, error) {
	return nil, nil
}
func (desk) PollQR(context.Context, string, string) (string, *Session, error) {
	return "pending", nil, nil
}

// door knows one token, an applicant's, and counts how often somebody asks.
type door struct {
	Auth
	asked atomic.Int64
}

func (d *door) Authenticate(_ context.Context, token string) (domain.Actor, string, error) {
	d.asked.Add(1)
	if token != "good" {
		return domain.Actor{}, "", ErrNotSignedIn
	}
	return domain.Actor{ID: "a", Name: "王小明", Roles: []domain.Role{domain.Applicant}}, "csrf", nil
}

func (d *door) Login(context.Context, Login) (Session, error) {
	return Session{Token: "good", CSRF: "csrf", ExpiresAt: time.Now().Add(time.Hour)}, nil
}

// lost is a tracker whose read store is away.
type lost struct{}

func (lost) Wait(context.Context, uint64) error { return errors.New("away") }

func (lost) Position(ctx context.Context) (uint64, error) {
	select { // as the driver waits for a server
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
	return 0, readmodels.ErrUnavailable
}

type arrived struct{}

func (arrived) Wait(context.Context, uint64) error       { return nil }
func (arrived) Position(context.Context) (uint64, error) { return 7, nil }

// edge is a server with nothing behind it.
func edge(t *testing.T, change func(*Config)) (*Server, *door) {
	t.Helper()
	types, err := catalog.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	d := &door{}
	c := Config{
		Executor: &commands.Executor{}, Events: struct{ commands.EventStore }{}, Feed: struct{ Feed }{}, Reader: struct{ readmodels.Reader }{}, Tracker: arrived{}, Auth: d,
		Accounts: desk{}, QR: true, Directory: struct{ Directory }{}, Blobs: struct{ Blobs }{}, Printer: struct{ Printer }{},
		Parked:  func(context.Context, readmodels.Spec, ...string) (bool, error) { return false, nil },
		Catalog: types, Clock: time.Now, NewID: uuid.NewString, Ready: func(context.Context) error { return nil },
	}
	if change != nil {
		change(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s, d
}

// ask sends a request with header pairs and its path as they are written.
func ask(t *testing.T, s *Server, method, path string, body io.Reader, header ...string) (status int, text string, got nethttp.Header) {
	t.Helper()
	r := httptest.NewRequest(method, "/", body)
	r.URL.Opaque = path // and not as the client would spell it
	r.RequestURI = path
	for i := 0; i+1 < len(header); i += 2 {
		r.Header[header[i]] = append(r.Header[header[i]], header[i+1])
	}
	res, err := s.App().Test(r, 10_000)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(raw), res.Header
}

// What is refused by its address costs no look at its token, and what is refused by its token none at its body.
func TestTheCheapestRefusalComesFirst(t *testing.T) {
	s, d := edge(t, func(c *Config) { c.Limits.AddressPerMinute = 3 })
	broken := func() io.Reader { return strings.NewReader(`{"uscc":`) }
	for name, ex := range map[string]struct {
		header []string
		status int
	}{
		"nobody":     {nil, 401},
		"a stranger": {[]string{"Authorization", "Bearer forged"}, 401},
		"one who is": {[]string{"Authorization", "Bearer good"}, 400},
	} {
		if status, text, _ := ask(t, s, "POST", "/api/v1/bindings", broken(), append(ex.header, "Content-Type", "application/json")...); status != ex.status {
			t.Errorf("a broken body of %s: %d %s", name, status, text)
		}
	}
	asked := d.asked.Load()
	if status, _, header := ask(t, s, "POST", "/api/v1/bindings", broken(), "Authorization", "Bearer forged"); status != 429 || header.Get("Retry-After") == "" {
		t.Fatalf("%d %v", status, header)
	}
	if d.asked.Load() != asked {
		t.Fatal("a token was looked at for an address that asks too often")
	}
}

// A signed-in caller is no less limited when it signs in.
func TestATokenDoesNotLiftTheLimitOnSignIns(t *testing.T) {
	s, d := edge(t, func(c *Config) { c.Limits.SignInsPerMinute = 1 })
	for i, want := range []int{200, 429} {
		status, text, _ := ask(t, s, "POST", "/api/v1/auth/login", strings.NewReader(`{"account":"a","password":"b"}`), "Content-Type", "application/json", "Authorization", "Bearer good")
		if status != want {
			t.Fatalf("sign-in %d: %d %s", i, status, text)
		}
	}
	if n := d.asked.Load(); n != 1 {
		t.Fatalf("%d tokens were looked at", n)
	}
}

// No media type hides from the check that every member of a body is named once.
func TestEveryCommandBodyIsUnambiguous(t *testing.T) {
	s, _ := edge(t, nil)
	for _, kind := range []string{
		"", "application/json", "application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded+json", "multipart/form-data+json", "multipart/form-data+application/json",
		"multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "Multipart/Form-Data+json", "application/vnd.x+json;+json",
	} {
		status, text, _ := ask(t, s, "POST", "/api/v1/auth/login", strings.NewReader(`{"account":"a","password":"b","password":"c"}`), "Content-Type", kind)
		if status != 400 && status != 415 {
			t.Errorf("%q: %d %s", kind, status, text)
		}
	}
}

// What does not come from the views is answered without the read store, and what does is not.
func TestReadsApartFromTheViewsDoWithoutTheReadStore(t *testing.T) {
	s, _ := edge(t, func(c *Config) { c.Tracker = lost{} })
	for path, want := range map[string]int{
		"/api/v1/me": 200, "/api/v1/auth/sessions": 200, "/api/v1/auth/qr/x": 200, "/api/v1/auth/methods": 200, "/api/v1/lines": 200,
		"/api/v1/declarations": 503,
	} {
		for _, after := range []string{"", "9000000000000000000"} {
			began := time.Now()
			status, text, _ := ask(t, s, "GET", path, nil, "Authorization", "Bearer good", "X-After-Position", after)
			if status != want || time.Since(began) > 3*time.Second {
				t.Errorf("%s after %q: %d %s in %s", path, after, status, text, time.Since(began))
			}
		}
	}
	s, _ = edge(t, nil)
	if _, _, header := ask(t, s, "GET", "/api/v1/me", nil, "Authorization", "Bearer good"); header.Get("X-Position") != "7" {
		t.Fatalf("%v", header)
	}
}

// What is left of a refused request's body is not taken for the next request of its connection.
func TestARefusedBodyIsNotTheNextRequest(t *testing.T) {
	s, _ := edge(t, func(c *Config) { c.Origins = []string{"https://portal.example"} })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	defer func() { stop(); <-served }()
	const smuggled = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	body := strings.Repeat("\r\n", prefetch) + smuggled
	plain := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	chunked := fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	for name, request := range map[string]string{
		"an upload of nobody's":  "POST /api/v1/declarations/" + uuid.NewString() + "/attachments HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n",
		"a command of nobody's":  "POST /api/v1/bindings HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n",
		"a body that is no JSON": "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n",
		"a form for JSON":        "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n",
		"no such route":          "POST /nothing HTTP/1.1\r\nHost: x\r\n",
		"a health check":         "GET /docs HTTP/1.1\r\nHost: x\r\n",
		"another site's asking":  "OPTIONS /api/v1/me HTTP/1.1\r\nHost: x\r\nOrigin: https://portal.example\r\nAccess-Control-Request-Method: GET\r\n",
	} {
		for coding, rest := range map[string]string{"with a length": plain, "in chunks": chunked} {
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.WriteString(conn, request+rest+"GET /healthz HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			answers, err := io.ReadAll(conn)
			_ = conn.Close()
			// Its own answer, and that of the request behind it if the connection goes on: the one inside gets none.
			if n := bytes.Count(answers, []byte("HTTP/1.1 ")); err != nil || n > 2 || n < 1 || bytes.Count(answers, []byte("\r\n\r\nok")) > 1 {
				t.Errorf("%s %s: %v, %d answers: %.600q", name, coding, err, n, answers)
			}
		}
	}
}
