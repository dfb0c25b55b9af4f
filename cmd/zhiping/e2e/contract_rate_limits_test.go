package e2e

import (
	"strings"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/cmd/zhiping/internal/demo"
)

// Whoever asks too often is told to wait, by account and by address, and others are not.
func TestWhoAsksTooOftenWaits(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo", "--limit-requests", "20", "--limit-sign-ins", "5")
	person, other := s.As("applicant"), s.As("applicant2")
	refusedAfter := func(most int, ask func() world.Answer) world.Answer {
		t.Helper()
		for range most + 1 {
			if a := ask(); a.Status == 429 {
				return a
			}
		}
		t.Fatalf("%d requests in a row were taken", most+1)
		return world.Answer{}
	}
	a := refusedAfter(20, func() world.Answer { return person.Do("GET", "/me", nil) })
	if a.Str("code") != "too_many_requests" || a.Header.Get("Retry-After") == "" || a.Str("detail") == "" {
		t.Fatalf("%v %s", a.Header, a.Raw)
	}
	other.Want(200, "", "GET", "/me", nil) // another account at the same address
	nobody := &world.Caller{Server: s}
	refusedAfter(5, func() world.Answer {
		return nobody.Do("POST", "/auth/login", map[string]any{"account": "applicant", "password": "wrong"})
	})
	nobody.Want(429, "too_many_requests", "POST", "/auth/login", map[string]any{"account": "applicant2", "password": demo.Password})
	nobody.Want(200, "", "GET", "/auth/methods", nil) // what is no sign-in goes on
	other.Want(200, "", "GET", "/me", nil)
}

// Pages of other sites may call only when they are named, and then with the cookie.
func TestOtherSitesCallOnlyWhenNamed(t *testing.T) {
	const friend = "https://portal.example"
	preflight := func(s *world.Server, origin string) world.Answer {
		return (&world.Caller{Server: s}).Do("OPTIONS", "/declarations", nil, "Origin", origin, "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "Idempotency-Key")
	}
	named := world.Start(t, t.TempDir(), "--demo", "--cors-origins", friend)
	if a := preflight(named, friend); a.Header.Get("Access-Control-Allow-Origin") != friend || a.Header.Get("Access-Control-Allow-Credentials") != "true" ||
		!strings.Contains(a.Header.Get("Access-Control-Allow-Headers"), "Idempotency-Key") {
		t.Fatalf("%v", a.Header)
	}
	if a := named.As("applicant").Want(200, "", "GET", "/declarations", nil, "Origin", friend); !strings.Contains(a.Header.Get("Access-Control-Expose-Headers"), "X-Position") {
		t.Fatalf("%v", a.Header)
	}
	for _, stranger := range []string{"https://evil.example", "null", "https://portal.example.evil.example"} {
		if a := preflight(named, stranger); a.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Fatalf("%s: %v", stranger, a.Header)
		}
	}
	named.Stop()
	if a := preflight(world.Start(t, t.TempDir(), "--demo"), friend); a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Fatalf("%v", a.Header)
	}
}
