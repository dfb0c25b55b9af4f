package http

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"zhiping/domain"
)

// ledger is a store that several servers share, or one that is away.
type ledger struct {
	fiber.Storage
	mu     sync.Mutex
	counts map[string][]byte
	away   bool
}

func (l *ledger) Get(key string) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return nil, fiber.ErrServiceUnavailable
	}
	return l.counts[key], nil
}

func (l *ledger) Set(key string, value []byte, _ time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return fiber.ErrServiceUnavailable
	}
	l.counts[key] = append([]byte{}, value...)
	return nil
}

// Two servers count the sign-ins of an address together; while they cannot, each holds it to the limit by itself.
func TestServersShareTheLimitOnSignIns(t *testing.T) {
	shared := &ledger{counts: map[string][]byte{}}
	server := func() *Server {
		s, _ := edge(t, func(c *Config) { c.Limits.SignInsPerMinute, c.Limits.SignIns = 4, shared })
		return s
	}
	try := func(s *Server) int {
		status, _, _ := ask(t, s, "POST", "/api/v1/auth/login", nil, "Content-Type", "application/json")
		return status
	}
	one, other := server(), server()
	for range 2 {
		if a, b := try(one), try(other); a == 429 || b == 429 {
			t.Fatalf("%d %d", a, b)
		}
	}
	if a, b := try(one), try(other); a != 429 || b != 429 {
		t.Fatalf("a fifth try here, a sixth there: %d %d", a, b)
	}
	shared.away = true
	alone := server()
	for range 4 {
		if got := try(alone); got == 429 {
			t.Fatal("limited too early")
		}
	}
	if got := try(alone); got != 429 {
		t.Fatalf("while the shared counts are away, nothing limits: %d", got)
	}
}

// held refuses some callers, as a counter does that knows what other nodes counted.
type held map[string]time.Duration

func (h held) Take(caller string) time.Duration { return h[caller] }

// What other nodes counted limits in the same words as what this one did, each account and address for itself; who looks
// after the node is not limited.
func TestWhatOtherNodesCountedLimits(t *testing.T) {
	server := func(addresses, callers held) *Server {
		s, _ := edge(t, func(c *Config) {
			c.Limits = Limits{AddressPerMinute: 100, PerMinute: 100, Addresses: addresses, Callers: callers}
		})
		return s
	}
	const address = "address 0.0.0.0"
	signedIn := []string{"Authorization", "Bearer good"}
	for name, ex := range map[string]struct {
		s      *Server
		header []string
		path   string
		status int
	}{
		"an address":                      {server(held{address: 1500 * time.Millisecond}, nil), nil, "/api/v1/auth/methods", 429},
		"whoever is signed in there":      {server(held{address: 1500 * time.Millisecond}, nil), signedIn, "/api/v1/auth/methods", 429},
		"an account":                      {server(nil, held{"account a": 2 * time.Second}), signedIn, "/api/v1/auth/methods", 429},
		"not who is not signed in to it":  {server(nil, held{"account a": 2 * time.Second}), nil, "/api/v1/auth/methods", 200},
		"nor the account for its address": {server(nil, held{address: 2 * time.Second}), signedIn, "/api/v1/auth/methods", 200},
		"an address nobody is signed in":  {server(nil, held{address: 2 * time.Second}), nil, "/api/v1/auth/methods", 429},
		"nor the operator":                {server(held{address: 2 * time.Second}, nil), nil, "/healthz", 200},
	} {
		t.Run(name, func(t *testing.T) {
			status, body, header := ask(t, ex.s, "GET", ex.path, nil, ex.header...)
			if status != ex.status {
				t.Fatalf("%d %s", status, body)
			}
			if status == 429 && (header.Get("Retry-After") != "2" || !strings.Contains(body, "too_many_requests") || !strings.Contains(body, " 2 ")) {
				t.Fatalf("%v %s", header, body)
			}
		})
	}
}

// What a request pays for limits: on this node, and for asking a counter of all nodes besides, whose own cost
// infra/limits measures.
func BenchmarkLimits(b *testing.B) {
	for name, counter := range map[string]Counter{"this node": nil, "all nodes": held{}} {
		b.Run(name, func(b *testing.B) {
			s := &Server{Config: Config{Limits: Limits{PerMinute: 1 << 40, Callers: counter}}}
			s.app = fiber.New()
			s.limit()
			asked := context.WithValue(context.Background(), requestKey{}, &request{signedIn: true, actor: domain.Actor{ID: "a4d1dcf0-5f0c-4e5e-9a8e-6f4a5f4d2f10"}})
			s.app.Use(func(c *fiber.Ctx) error { c.SetUserContext(asked); return c.Next() })
			for _, h := range s.callers {
				s.app.Use(h)
			}
			s.app.Get("/", func(*fiber.Ctx) error { return nil })
			handler := s.app.Handler()
			rc := requestFor(handler)
			rc.Request.SetRequestURI("/")
			b.ReportAllocs()
			for b.Loop() {
				handler(rc)
			}
		})
	}
}

// requestFor is an empty request of the library's own type, which is none of ours to import.
func requestFor[R any](func(*R)) *R { return new(R) }
