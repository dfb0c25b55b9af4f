package limits_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/infra/identity/postgrestest"
	"zhiping/infra/limits"
	"zhiping/infra/limits/limitstest"
)

func TestLedgerInMemory(t *testing.T) {
	m := &limitstest.Memory{Clock: time.Now}
	limitstest.Run(t, func() limits.Ledger { return m }, 250)
}

func TestLedgerInPostgreSQL(t *testing.T) {
	_, url := postgrestest.Fresh(t, "zhiping_test_request_counts")
	limitstest.Run(t, func() limits.Ledger {
		s, err := limits.OpenPostgres(url, time.Now)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}, 250)
}

// nodes are several processes with a ledger and one course of time, which each of them reads from a clock of its own.
type nodes struct {
	t       *testing.T
	ledger  *limitstest.Memory
	now     time.Time
	off     []time.Duration // how wrong each one's clock is
	each    []*limits.Exchange
	callers []*limits.Limit
}

func run(t *testing.T, most int, off ...time.Duration) *nodes {
	n := &nodes{t: t, now: time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC), off: off}
	n.ledger = &limitstest.Memory{Clock: func() time.Time { return n.now.Add(17 * time.Minute) }}
	for i := range off {
		e := limits.NewExchange(n.ledger, string(rune('a'+i)), func() time.Time { return n.now.Add(n.off[i]) }, slog.New(slog.DiscardHandler))
		n.each, n.callers = append(n.each, e), append(n.callers, e.Limit("callers", most))
	}
	return n
}

// passed counts how many of so many requests pass at a node.
func (n *nodes) passed(node int, caller string, requests int) (passed int) {
	for range requests {
		if n.callers[node].Take(caller) == 0 {
			passed++
		}
	}
	return passed
}

func (n *nodes) exchange(times int) {
	n.t.Helper()
	for range times {
		for _, e := range n.each {
			require.NoError(n.t, e.Once(n.t.Context()))
		}
	}
}

func (n *nodes) wait(d time.Duration) { n.now = n.now.Add(d) }

func TestNodesKeepOneLimitTogether(t *testing.T) {
	for name, off := range map[string][]time.Duration{
		"two nodes":                    {0, 0},
		"two whose clocks differ":      {-time.Hour, time.Minute},
		"three nodes":                  {0, 0, 0},
		"three whose clocks differ":    {0, 3 * time.Second, -24 * time.Hour},
		"more, who pass a few seconds": {0, time.Second, 2 * time.Second, -time.Second, time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			n := run(t, 100, off...)
			n.wait(10 * time.Second)
			require.Equal(t, 60, n.passed(0, "x", 60))
			n.exchange(1)
			require.Equal(t, 40, n.passed(1, "x", 50))
			require.Equal(t, 100, n.passed(1, "somebody else", 200))
			n.exchange(2)
			for i := range off {
				require.Zero(t, n.passed(i, "x", 5), "at node %d", i)
			}
			require.Equal(t, 10, n.passed(0, "a third", 10))

			// The window slides: in the middle of the next one half of what was counted still counts.
			n.wait(80 * time.Second)
			n.exchange(1)
			require.Equal(t, 50, n.passed(0, "x", 100))
			n.exchange(1)
			require.Zero(t, n.passed(1, "x", 100))
			n.wait(2 * time.Minute)
			require.Equal(t, 100, n.passed(1, "x", 101), "all is forgotten, also without an exchange")
		})
	}
}

// What one caller gets over all nodes is bound as the documentation says, however it spreads its requests.
func TestTheBoundOfACallerAtAllNodes(t *testing.T) {
	const most, perSecond = 600, 20
	for _, many := range []int{2, 3, 8} {
		n := run(t, most, make([]time.Duration, many)...)
		total := 0
		for second := range 60 {
			for i := range many {
				total += n.passed(i, "x", perSecond)
				if (second+i)%2 == 0 { // some are late by a second
					require.NoError(t, n.each[i].Once(t.Context()))
				}
			}
			n.wait(time.Second)
		}
		// Here an interval is two seconds.
		if bound := most + (many-1)*2*2*perSecond; total < most || total > bound {
			t.Errorf("%d nodes let %d pass, not %d to %d", many, total, most, bound)
		}
	}
}

// All at once before any exchange is the worst, and each node's own limit holds.
func TestAFloodBeforeAnyExchangeGetsNoMoreThanEachNodeAllows(t *testing.T) {
	n := run(t, 100, 0, 0, 0)
	for i := range n.each {
		require.Equal(t, 100, n.passed(i, "x", 1000))
	}
	n.exchange(2)
	n.wait(70 * time.Second) // a sixth of the three hundred is gone by then
	for i := range n.each {
		require.Zero(t, n.passed(i, "x", 10))
	}
}

// Who asks little at a node is told of nonetheless once another node told of the same caller.
func TestWhatIsNotWorthTellingIsToldOnceAnotherNodeTells(t *testing.T) {
	n := run(t, 100, 0, 0)
	require.Equal(t, 4, n.passed(1, "x", 4))
	n.exchange(1)
	require.Zero(t, n.ledger.Len(), "an ordinary caller costs nothing")
	require.Equal(t, 90, n.passed(0, "x", 90))
	n.exchange(2)
	require.Equal(t, 2, n.ledger.Len())
	require.Equal(t, 6, n.passed(0, "x", 100))
}

// Who waits as long as it is told passes, and not a second earlier, however the counts lie in the windows.
func TestHowLongToWaitIsTrue(t *testing.T) {
	for first := range 40 {
		n := run(t, 20, 0, 7*time.Second)
		n.passed(0, "x", first%25)
		n.wait(time.Duration(first*5) * time.Second)
		n.passed(1, "x", 30)
		n.exchange(2)
		wait := n.callers[0].Take("x")
		if wait == 0 {
			continue
		}
		n.wait(wait - time.Second)
		if n.callers[0].Take("x") == 0 && wait > time.Second {
			t.Errorf("%d: told to wait %s, and passed a second before", first, wait)
		}
		n.wait(time.Second)
		require.Zero(t, n.callers[0].Take("x"), "%d: told to wait %s", first, wait)
	}
}

// While the ledger is away each node counts for itself; what it could not tell is told later.
func TestAnExchangeWithALedgerThatIsAway(t *testing.T) {
	n := run(t, 100, 0, 0)
	require.Equal(t, 50, n.passed(0, "x", 50))
	n.exchange(2)
	require.Equal(t, 30, n.passed(1, "x", 30))
	n.ledger.Away(true)
	for _, e := range n.each {
		require.ErrorIs(t, e.Once(t.Context()), limitstest.ErrAway)
	}
	require.Equal(t, 50, n.passed(0, "x", 70), "of the others it knows what it knew")
	n.ledger.Away(false)
	n.exchange(2)
	require.Zero(t, n.passed(1, "x", 1), "what could not be told is told")

	n.ledger.Away(true)
	n.wait(2 * time.Minute)
	require.Equal(t, 100, n.passed(1, "x", 150), "what was heard counts no more, and its own limit holds")
}

// A node that dies leaves its counts, which end with their window; one that starts hears them at once.
func TestWhatADeadNodeCountedEndsWithItsWindow(t *testing.T) {
	n := run(t, 100, 0, 0)
	require.Equal(t, 100, n.passed(0, "x", 100))
	require.NoError(t, n.each[0].Once(t.Context()))
	n.wait(20 * time.Second)
	e := limits.NewExchange(n.ledger, "new", func() time.Time { return n.now }, slog.New(slog.DiscardHandler))
	l := e.Limit("callers", 100)
	require.NoError(t, e.Once(t.Context()))
	require.Positive(t, l.Take("x"))
	n.wait(70 * time.Second) // the middle of the dead node's next window
	require.NoError(t, e.Once(t.Context()))
	for range 50 {
		require.Zero(t, l.Take("x"))
	}
	require.Positive(t, l.Take("x"))
	n.wait(2 * time.Minute)
	require.NoError(t, e.Once(t.Context()))
	require.Zero(t, n.ledger.Len(), "what counts no more is swept")
}

// A node of another version may know other limits.
func TestALimitThatANodeDoesNotKnowIsPassedOver(t *testing.T) {
	n := run(t, 10, 0, 0)
	other := n.each[0].Limit("newer", 10)
	for range 10 {
		require.Zero(t, other.Take("x"))
	}
	n.exchange(2)
	require.Equal(t, 10, n.passed(1, "x", 11))
}
