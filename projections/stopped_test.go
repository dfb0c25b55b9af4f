package projections_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/projections"
)

// older is a log as a program sees it that does not know one type of event.
type older struct{ *log }

var errUnknownType = errors.New("unknown event type")

func (o older) Decode(s projections.Stored) (domain.Recorded, error) {
	if s.Type == "Newer" {
		return domain.Recorded{}, errUnknownType
	}
	return o.log.Decode(s)
}

func (o older) Outline(s projections.Stored) (domain.Recorded, error) {
	e, err := o.Decode(s)
	e.Event = nil
	return e, err
}

func newerEvent(position int) domain.Recorded {
	e := event(position, "k0", 1, false)
	e.Type = "Newer"
	return e
}

func TestANewerNodeGoesOnWhereAnOlderOneStopsAndBack(t *testing.T) {
	events := append(history(60, 5), newerEvent(605))
	store, feed := newMemory(), newLog(events...)
	cfg := func(owner string, f projections.Feed) projections.Config {
		return projections.Config{Feed: f, Store: store, Folds: []projections.Fold{tallies(1), totals()}, Owner: owner,
			LeaseTTL: 200 * time.Millisecond, StopPause: 50 * time.Millisecond, CheckpointEvery: 5 * time.Millisecond}
	}
	old := start(t, cfg("old", older{feed}))
	require.Eventually(t, func() bool { return old.Stopped() != nil }, 10*time.Second, time.Millisecond)
	stop := old.Stopped()
	require.ErrorIs(t, stop, errUnknownType)
	require.Equal(t, uint64(605), stop.Position)
	require.False(t, old.CaughtUp())
	mustEqualFold(t, store, tallies(1), events[:60])
	stops, err := projections.Stops(t.Context(), store)
	require.NoError(t, err)
	require.Len(t, stops, 1)
	require.Equal(t, []any{"old", "Newer", uint64(605)}, []any{stops[0].Owner, stops[0].Type, stops[0].Position})

	newer, err := projections.NewProjector(cfg("new", feed)) // the upgrade: it gets the lead from a node that still runs
	require.NoError(t, err)
	failed := make(chan error, 1)
	go func() { failed <- newer.Run(t.Context()) }()
	require.Eventually(t, newer.CaughtUp, 10*time.Second, time.Millisecond)
	feed.append(event(700, "k1", 3, false))
	require.Eventually(t, func() bool { return store.position("tallies", 1) == 700 }, 10*time.Second, time.Millisecond)
	mustEqualFold(t, store, tallies(1), append(events, event(700, "k1", 3, false)))
	newer.Stop() // and the way back: what the older program cannot read lies behind
	require.NoError(t, <-failed)

	feed.append(event(710, "k2", 5, false))
	require.Eventually(t, func() bool { return old.CaughtUp() && old.Stopped() == nil }, 10*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return store.position("tallies", 1) == 710 }, 10*time.Second, time.Millisecond)
	require.Eventually(t, func() bool {
		stops, err := projections.Stops(t.Context(), store)
		return err == nil && len(stops) == 0
	}, 10*time.Second, 10*time.Millisecond)
}
