package main

import (
	"strings"
	"testing"
)

// Whoever asks too often is told to wait, by account and by address, and others are not.
func TestWhoAsksTooOftenWaits(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--demo", "--limit-requests", "20", "--limit-sign-ins", "5")
	person, other := s.as("applicant"), s.as("applicant2")
	refusedAfter := func(most int, ask func() answer) answer {
		t.Helper()
		for range most + 1 {
			if a := ask(); a.status == 429 {
				return a
			}
		}
		t.Fatalf("%d requests in a row were taken", most+1)
		return answer{}
	}
	a := refusedAfter(20, func() answer { return person.do("GET", "/me", nil) })
	if a.str("code") != "too_many_requests" || a.header.Get("Retry-After") == "" || a.str("detail") == "" {
		t.Fatalf("%v %s", a.header, a.raw)
	}
	other.want(200, "", "GET", "/me", nil) // another account at the same address
	nobody := &caller{s: s}
	refusedAfter(5, func() answer {
		return nobody.do("POST", "/auth/login", map[string]any{"account": "applicant", "password": "wrong"})
	})
	nobody.want(429, "too_many_requests", "POST", "/auth/login", map[string]any{"account": "applicant2", "password": demoPassword})
	nobody.want(200, "", "GET", "/auth/methods", nil) // what is no sign-in goes on
	other.want(200, "", "GET", "/me", nil)
}

// Pages of other sites may call only when they are named, and then with the cookie.
func TestOtherSitesCallOnlyWhenNamed(t *testing.T) {
	const friend = "https://portal.example"
	preflight := func(s *server, origin string) answer {
		return (&caller{s: s}).do("OPTIONS", "/declarations", nil, "Origin", origin, "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "Idempotency-Key")
	}
	named := start(t, t.TempDir(), "--demo", "--cors-origins", friend)
	if a := preflight(named, friend); a.header.Get("Access-Control-Allow-Origin") != friend || a.header.Get("Access-Control-Allow-Credentials") != "true" ||
		!strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "Idempotency-Key") {
		t.Fatalf("%v", a.header)
	}
	if a := named.as("applicant").want(200, "", "GET", "/declarations", nil, "Origin", friend); !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "X-Position") {
		t.Fatalf("%v", a.header)
	}
	for _, stranger := range []string{"https://evil.example", "null", "https://portal.example.evil.example"} {
		if a := preflight(named, stranger); a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Fatalf("%s: %v", stranger, a.header)
		}
	}
	named.stop()
	if a := preflight(start(t, t.TempDir(), "--demo"), friend); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Fatalf("%v", a.header)
	}
}
