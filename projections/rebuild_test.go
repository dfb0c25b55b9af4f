package projections_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/projections"
	"zhiping/readmodels"
)

// doubled is tallies with another meaning, as a changed projection has.
func doubled() projections.Projection[tally] {
	p := tallies(2)
	once := p.Apply
	p.Apply = func(docs *projections.Docs[tally], e domain.Recorded) error {
		if err := once(docs, e); err != nil {
			return err
		}
		if d, ok := docs.Get(e.Event.(counted).Key); ok {
			d.Sum += e.Event.(counted).N
		}
		return nil
	}
	return p
}

func config(store *memory, feed *log, folds ...projections.Fold) projections.Config {
	return projections.Config{Store: store, Feed: feed, Folds: folds, LeaseTTL: 200 * time.Millisecond, KeepOld: 50 * time.Millisecond}
}

func stopped(t *testing.T, cfg projections.Config) {
	t.Helper()
	p, err := projections.NewProjector(cfg)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- p.Run(context.Background()) }()
	caughtUp(t, p)
	p.Stop()
	require.NoError(t, <-done)
}

func TestAChangedProjectionIsBuiltBesideTheLiveOneAndSwappedIn(t *testing.T) {
	events := history(2000, 7)
	store, feed := newMemory(), newLog(events[:500]...)
	stopped(t, config(store, feed, tallies(1)))
	require.Equal(t, 1, store.liveVersion("tallies"))

	// Reads go on all the while, and never see less than they have seen.
	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	reading.Go(func() {
		seen := uint64(0)
		for ctx.Err() == nil {
			at := store.position("tallies", store.liveVersion("tallies"))
			if at < seen {
				t.Errorf("reads went back from %d to %d", seen, at)
				return
			}
			seen = at
		}
	})
	defer reading.Wait()
	defer cancel()
	var swapped []string
	cfg := config(store, feed, tallies(1), doubled()) // with the old code at hand, the old version goes on
	cfg.Swapped = func(name string) { swapped = append(swapped, name) }
	cfg.MaxBatch = 5
	p := start(t, cfg)
	for i := 500; i < 2000; i += 10 {
		feed.append(events[i : i+10]...)
		time.Sleep(200 * time.Microsecond)
	}
	require.Eventually(t, func() bool { return store.liveVersion("tallies") == 2 }, 10*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return !store.has("tallies", 1) }, 5*time.Second, time.Millisecond)
	caughtUp(t, p)
	require.Eventually(t, func() bool { return store.position("tallies", 2) == 20000 }, 5*time.Second, time.Millisecond)
	mustEqualFold(t, store, doubled(), events)
	p.Stop()
	require.Equal(t, []string{"tallies"}, swapped)
}

func TestAnInterruptedRebuildResumes(t *testing.T) {
	events := history(600, 5)
	store, feed := newMemory(), newLog(events...)
	stopped(t, config(store, feed, tallies(1)))
	last := uint64(0)
	for i := range 5 {
		store.failAfter(3 + i)
		cfg := config(store, feed, doubled())
		cfg.MaxBatch, cfg.MaxSpool = 5, 1 // a checkpoint every five events
		p, err := projections.NewProjector(cfg)
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() { done <- p.Run(context.Background()) }()
		require.Eventually(t, store.failing, 5*time.Second, time.Millisecond)
		require.Equal(t, 1, store.liveVersion("tallies"), "the old version is read meanwhile")
		p.Stop()
		require.NoError(t, <-done)
		require.Greater(t, store.position("tallies", 2), last)
		last = store.position("tallies", 2)
	}
	store.failAfter(-1)
	start(t, config(store, feed, doubled()))
	require.Eventually(t, func() bool { return store.liveVersion("tallies") == 2 }, 5*time.Second, time.Millisecond)
	mustEqualFold(t, store, doubled(), events)
}

func TestARebuildOnDemandKeepsTheCodeVersion(t *testing.T) {
	events := history(300, 5)
	store, feed := newMemory(), newLog(events...)
	folds := []projections.Fold{tallies(1)}
	p := start(t, config(store, feed, folds...))
	caughtUp(t, p)
	want, err := projections.RequestRebuild(t.Context(), store, folds, "tallies")
	require.NoError(t, err)
	require.Equal(t, 1_000_001, want)
	require.Eventually(t, func() bool { return store.liveVersion("tallies") == want }, 5*time.Second, time.Millisecond)
	spec := tallies(1).Spec()
	spec.Version = want
	wantDocs, err := projections.Documents(tallies(1), events...)
	require.NoError(t, err)
	require.Equal(t, wantDocs, store.all(spec))
	require.Eventually(t, func() bool { return !store.has("tallies", 1) }, 5*time.Second, time.Millisecond)
	require.Eventually(t, func() bool {
		s := p.Status()
		return len(s) == 1 && s[0].Version == want && s[0].Live
	}, 5*time.Second, time.Millisecond)
	_, err = projections.RequestRebuild(t.Context(), store, folds, "nobody")
	require.ErrorIs(t, err, projections.ErrNoProjection)
}

func TestParkedDocumentsAreReplayedOnceTheirFoldIsRepaired(t *testing.T) {
	events := history(60, 4)
	events[20] = event(int(events[20].Position), "k0", 1, true)
	store, feed := newMemory(), newLog(events...)
	stopped(t, config(store, feed, tallies(1)))
	repaired := tallies(1)
	strict := repaired.Apply
	repaired.Apply = func(docs *projections.Docs[tally], e domain.Recorded) error {
		c := e.Event.(counted)
		c.Bad = false
		e.Event = c
		return strict(docs, e)
	}
	p := start(t, config(store, feed, repaired))
	caughtUp(t, p)
	require.NoError(t, projections.RequestReplay(t.Context(), store, []projections.Fold{repaired}, "tallies"))
	require.Eventually(t, func() bool { return p.Status()[0].Parked == 0 }, 5*time.Second, time.Millisecond)
	mustEqualFold(t, store, repaired, events)
	feed.append(event(7000, "k0", 3, false))
	require.Eventually(t, func() bool { return store.position("tallies", 1) == 7000 }, 5*time.Second, time.Millisecond)
	mustEqualFold(t, store, repaired, append(events, event(7000, "k0", 3, false)))
	parked, err := projections.ListParked(t.Context(), store, repaired.Spec())
	require.NoError(t, err)
	require.Empty(t, parked)
}

func TestOneNodeLeadsAndAnotherTakesOver(t *testing.T) {
	store, feed := newMemory(), newLog(history(50, 3)...)
	node := func(owner string) *projections.Projector {
		cfg := config(store, feed, tallies(1))
		cfg.Owner = owner
		return start(t, cfg)
	}
	a := node("a")
	caughtUp(t, a)
	b := node("b")
	time.Sleep(300 * time.Millisecond)
	require.True(t, a.Leading())
	require.False(t, b.Leading())
	a.Stop()
	caughtUp(t, b)

	// A leader that another one has fenced off, say because it was paused, commits no more and competes again.
	_, ok, err := store.Acquire(t.Context(), "projector", "b", time.Millisecond)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, store.Commit(t.Context(), readmodels.Batch{Name: "tallies", Version: 1, Token: store.token}))
	feed.append(event(9000, "k1", 1, false))
	require.Eventually(t, func() bool { return store.position("tallies", 1) == 9000 }, 5*time.Second, time.Millisecond)
	mustEqualFold(t, store, tallies(1), append(history(50, 3), event(9000, "k1", 1, false)))
}

func TestOverviewTellsWhereEverythingStands(t *testing.T) {
	store, feed := newMemory(), newLog(history(50, 3)...)
	stopped(t, config(store, feed, tallies(1)))
	views, _, err := projections.Overview(t.Context(), store, feed, []projections.Fold{doubled()})
	require.NoError(t, err)
	require.Equal(t, []projections.ViewStatus{
		{Name: "tallies", Version: 2}, {Name: "tallies", Version: 1, Live: true, Checkpoint: 500},
	}, views, fmt.Sprint(views))
}
