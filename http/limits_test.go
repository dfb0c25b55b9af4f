package http

import (
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
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
		s, _ := edge(t, func(c *Config) { c.Limits.SignInsPerMinute, c.Limits.Shared = 4, shared })
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
