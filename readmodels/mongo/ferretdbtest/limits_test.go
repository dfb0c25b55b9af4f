package ferretdbtest

import (
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/limiter"
	"github.com/stretchr/testify/require"

	"zhiping/infra/limits"
	"zhiping/infra/limits/limitstest"
)

// Counts that one node keeps are seen by another, and end when they expire.
func TestLimitsAreSharedBetweenNodes(t *testing.T) {
	uri := server(t)
	now := time.Now()
	clock := func() time.Time { return now }
	open := func() *limits.Store {
		s, err := limits.Open(t.Context(), uri, "limits_test", clock)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	one, other := open(), open()
	got, err := other.Get("address 192.0.2.1")
	require.NoError(t, err)
	require.Nil(t, got)
	require.NoError(t, one.Set("address 192.0.2.1", []byte{1}, time.Minute))
	require.NoError(t, one.Set("address 192.0.2.1", []byte{2}, time.Minute))
	got, err = other.Get("address 192.0.2.1")
	require.NoError(t, err)
	require.Equal(t, []byte{2}, got)
	now = now.Add(time.Minute)
	got, err = other.Get("address 192.0.2.1")
	require.NoError(t, err)
	require.Nil(t, got, "expired")
	require.NoError(t, one.Set("b", []byte{3}, 0))
	require.NoError(t, other.Delete("b"))
	got, err = one.Get("b")
	require.NoError(t, err)
	require.Nil(t, got)
	require.NoError(t, other.Reset())
}

// Two servers count the sign-ins of an address together, as each asks the limiter.
func TestServersShareTheLimitOnSignIns(t *testing.T) {
	uri := server(t)
	server := func() func(address string) int {
		s, err := limits.Open(t.Context(), uri, "limits_test", time.Now)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		app := fiber.New()
		app.Use(limiter.New(limiter.Config{
			Max: 6, Expiration: time.Minute, LimiterMiddleware: limiter.SlidingWindow{},
			Storage:      limits.Resting(s, time.Now, slog.New(slog.DiscardHandler)),
			KeyGenerator: func(c *fiber.Ctx) string { return c.Get("X-Address") },
		}))
		app.Get("/", func(*fiber.Ctx) error { return nil })
		return func(address string) int {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("X-Address", address)
			answer, err := app.Test(r, 10_000)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			return answer.StatusCode
		}
	}
	servers := []func(string) int{server(), server()}
	for i := range 6 {
		require.Equal(t, 200, servers[i%2]("192.0.2.1"))
	}
	for _, ask := range servers {
		require.Equal(t, 429, ask("192.0.2.1"))
		require.Equal(t, 200, ask("192.0.2.2"))
	}
}

// Requests that nodes count each for themselves are told over the same database. FerretDB hangs on bulk upserts of hundreds.
func TestNodesTellOneAnotherWhatTheyCounted(t *testing.T) {
	uri := server(t)
	limitstest.Run(t, func() limits.Ledger {
		s, err := limits.Open(t.Context(), uri, "counts_test", time.Now)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}, 20)
}
