package limitstest

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/infra/limits"
)

// Run checks what every ledger must keep. Each ledger that open makes is another process at the same, empty database. Of a
// batch so many counts are told at once.
func Run(t *testing.T, open func() limits.Ledger, batch int) {
	one, other := open(), open()
	t.Run("an empty ledger tells nothing", func(t *testing.T) {
		require.NoError(t, one.Sweep(t.Context()))
		until, heard := hear(t, one, "a", time.Time{})
		require.Empty(t, heard)
		require.False(t, until.IsZero())
	})
	t.Run("two nodes that begin at once hear of each other", func(t *testing.T) {
		told := make(chan error, 2)
		go func() {
			told <- one.Tell(t.Context(), "a", []limits.Count{count("x", 3, 1), count("y", 2, 0)})
		}()
		go func() { told <- other.Tell(t.Context(), "b", []limits.Count{count("x", 5, 0)}) }()
		require.NoError(t, <-told)
		require.NoError(t, <-told)
		_, heard := hear(t, one, "a", time.Time{})
		require.Equal(t, map[string]limits.Count{"b x": count("x", 5, 0)}, heard)
		_, heard = hear(t, other, "b", time.Time{})
		require.Equal(t, map[string]limits.Count{"a x": count("x", 3, 1), "a y": count("y", 2, 0)}, heard)
		_, heard = hear(t, other, "c", time.Time{})
		require.Len(t, heard, 3)
	})
	t.Run("a newer count takes the place of the one before", func(t *testing.T) {
		until, _ := hear(t, other, "b", time.Time{})
		require.NoError(t, one.Tell(t.Context(), "a", []limits.Count{count("x", 4, 1)}))
		until, heard := hear(t, other, "b", until)
		require.Equal(t, count("x", 4, 1), heard["a x"])
		_, heard = hear(t, other, "b", until.Add(time.Hour)) // the clock of a server that took over is behind
		require.Equal(t, count("x", 4, 1), heard["a x"])
	})
	t.Run("a whole batch is told at once", func(t *testing.T) {
		counts := make([]limits.Count, batch)
		for i := range counts {
			counts[i] = count(string(rune('一'+i)), i+1, 0)
		}
		require.NoError(t, one.Tell(t.Context(), "many", counts))
		_, heard := hear(t, other, "b", time.Time{})
		for _, c := range counts {
			require.Equal(t, c, heard["many "+c.Caller])
		}
	})
	t.Run("what still counts is not swept", func(t *testing.T) {
		require.NoError(t, one.Sweep(t.Context()))
		_, heard := hear(t, other, "b", time.Time{})
		require.Contains(t, heard, "a x")
	})
	t.Run("two nodes keep one limit", func(t *testing.T) {
		node := func(l limits.Ledger, name string) (*limits.Exchange, *limits.Limit) {
			e := limits.NewExchange(l, name, time.Now, slog.New(slog.DiscardHandler))
			return e, e.Limit("calls", 10)
		}
		here, calls := node(one, "here")
		there, callsThere := node(other, "there")
		for range 7 {
			require.Zero(t, calls.Take("caller"))
		}
		require.NoError(t, here.Once(t.Context()))
		require.NoError(t, there.Once(t.Context()))
		for range 3 {
			require.Zero(t, callsThere.Take("caller"))
		}
		require.Positive(t, callsThere.Take("caller"))
		require.Zero(t, callsThere.Take("another"))
		require.NoError(t, there.Once(t.Context()))
		require.NoError(t, here.Once(t.Context()))
		require.Positive(t, calls.Take("caller"))
	})
}

func count(caller string, now, before int) limits.Count {
	return limits.Count{Limit: "limit", Caller: caller, Now: now, Before: before, Since: 20 * time.Second}
}

func hear(t *testing.T, l limits.Ledger, node string, since time.Time) (time.Time, map[string]limits.Count) {
	t.Helper()
	heard := map[string]limits.Count{}
	until, err := l.Hear(t.Context(), node, since, func(other string, c limits.Count, age time.Duration) {
		if age < -time.Second || age > time.Minute { // the clock is the server's own
			t.Errorf("%s is %s old", c.Caller, age)
		}
		heard[other+" "+c.Caller] = c
	})
	require.NoError(t, err)
	return until, heard
}
