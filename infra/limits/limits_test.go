package limits_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"zhiping/infra/identity/postgrestest"
	"zhiping/infra/limits"
)

// Counts that one node keeps in PostgreSQL are seen by another, and end when they expire.
func TestPostgresSharesCounts(t *testing.T) {
	_, url := postgrestest.Fresh(t, "zhiping_test_limits")
	now := time.Now()
	open := func() *limits.Postgres {
		s, err := limits.OpenPostgres(url, func() time.Time { return now })
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	one, other := open(), open()
	holds := func(s *limits.Postgres, key string, want []byte) {
		t.Helper()
		got, err := s.Get(key)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	holds(other, "address 192.0.2.1", nil) // before there is a table
	made := make(chan error, 2)            // both nodes make it at once
	for _, s := range []*limits.Postgres{one, other} {
		go func() { made <- s.Set("address 192.0.2.1", []byte{1}, time.Minute) }()
	}
	require.NoError(t, <-made)
	require.NoError(t, <-made)
	require.NoError(t, one.Set("address 192.0.2.1", []byte{2}, time.Minute))
	holds(other, "address 192.0.2.1", []byte{2})
	require.NoError(t, one.Set("kept", []byte{3}, 0))
	now = now.Add(time.Minute + time.Second)
	holds(other, "address 192.0.2.1", nil)
	require.NoError(t, other.Set("next", []byte{4}, time.Minute)) // which sweeps
	holds(one, "kept", []byte{3})
	require.NoError(t, other.Delete("kept"))
	holds(one, "kept", nil)
	require.NoError(t, other.Reset())
	holds(one, "next", nil)
}

// broken is a store that is away, and counts how often somebody asks.
type broken struct {
	fiber.Storage
	asked int
}

var errAway = errors.New("away")

func (b *broken) Get(string) ([]byte, error)              { b.asked++; return nil, errAway }
func (b *broken) Set(string, []byte, time.Duration) error { b.asked++; return errAway }

func TestAStoreThatFailedIsLeftAlone(t *testing.T) {
	now, b := time.Now(), &broken{}
	s := limits.Resting(b, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	_, err := s.Get("x")
	require.ErrorIs(t, err, errAway)
	for range 10 {
		_, err := s.Get("x")
		require.NoError(t, err)
		require.NoError(t, s.Set("x", []byte{1}, time.Minute))
	}
	require.Equal(t, 1, b.asked)
	now = now.Add(6 * time.Second)
	require.ErrorIs(t, s.Set("x", []byte{1}, time.Minute), errAway)
	require.Equal(t, 2, b.asked)
}
