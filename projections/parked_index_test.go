package projections_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/projections"
	"zhiping/readmodels"
)

func TestReadersLearnOfParkedDocuments(t *testing.T) {
	events := history(60, 4)
	store, feed := newMemory(), newLog(events...)
	stopped(t, config(store, feed, tallies(1)))
	reader, clock := readmodels.NewLiveReader(store, 0), time.Unix(0, 0)
	x := projections.NewParkedIndex(reader, func() time.Time { return clock })
	parked := func(ids ...string) bool {
		t.Helper()
		any, err := x.Any(t.Context(), tallies(1).Spec(), ids...)
		require.NoError(t, err)
		return any
	}
	require.False(t, parked("k0", "k1"))
	require.False(t, parked())

	feed.append(event(5000, "k0", 1, true))
	stopped(t, config(store, feed, tallies(1)))
	require.False(t, parked("k0"), "nothing was parked a moment ago")
	x.Changed()
	require.True(t, parked("k0"))
	require.True(t, parked("k1", "k0"))
	require.False(t, parked("k1"))

	// Another process parks or repairs without telling: the index finds out within a second.
	other := projections.NewParkedIndex(reader, func() time.Time { return clock })
	any, err := other.Any(t.Context(), tallies(1).Spec(), "k0")
	require.NoError(t, err)
	require.True(t, any)

	// A changed program builds the view anew. What the version before it had parked goes with it.
	repaired := tallies(2)
	strict := repaired.Apply
	repaired.Apply = func(docs *projections.Docs[tally], e domain.Recorded) error {
		c := e.Event.(counted)
		c.Bad = false
		e.Event = c
		return strict(docs, e)
	}
	p := start(t, config(store, feed, repaired))
	require.Eventually(t, func() bool { return !store.has("tallies", 1) && store.liveVersion("tallies") == 2 }, 5*time.Second, time.Millisecond)
	caughtUp(t, p)
	reader.Forget("tallies")
	left, err := projections.ListParked(t.Context(), store, tallies(1).Spec())
	require.NoError(t, err)
	require.Empty(t, left)
	clock = clock.Add(2 * time.Second)
	require.False(t, parked("k0"))
}
