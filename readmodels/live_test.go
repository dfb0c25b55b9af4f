package readmodels_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/readmodels"
)

// source is a store of which only versions and checkpoints are known.
type source struct {
	mu          sync.Mutex
	live        map[string]int
	dropped     map[int]bool
	checkpoints map[int]uint64
	noIndex     map[int]bool
	asked       int // for a live version
	polled      int // for a checkpoint
	down        error
}

func (s *source) Live(_ context.Context, name string) (int, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	v, ok := s.live[name]
	return v, ok, s.down
}

func (s *source) Checkpoint(_ context.Context, _ string, version int) (uint64, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.polled++
	p, ok := s.checkpoints[version]
	return p, ok, s.down
}

func (s *source) read(version int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.dropped[version]:
		return readmodels.ErrNoView
	case s.noIndex[version]:
		return readmodels.ErrNoIndex
	}
	return nil
}

func (s *source) Get(_ context.Context, v readmodels.Spec, ids ...string) (map[string]readmodels.Document, error) {
	return map[string]readmodels.Document{ids[0]: {ID: ids[0], Position: uint64(v.Version), Doc: v.New()}}, s.read(v.Version)
}

func (s *source) Find(_ context.Context, v readmodels.Spec, _ readmodels.Query) ([]readmodels.Document, error) {
	return []readmodels.Document{{Position: uint64(v.Version), Doc: v.New()}}, s.read(v.Version)
}

func (s *source) Count(_ context.Context, v readmodels.Spec, _ map[string]any, _ int) (int, error) {
	return v.Version, s.read(v.Version)
}

func (s *source) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

type doc struct{}

var view = readmodels.View[doc]{Name: "docs", Version: 3}

func TestLiveReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{live: map[string]int{}, dropped: map[int]bool{}, noIndex: map[int]bool{}}
		r := readmodels.NewLiveReader(s, time.Second)
		served := func() uint64 {
			_, position, _, err := view.Get(t.Context(), r, "x")
			require.NoError(t, err)
			return position
		}
		require.EqualValues(t, 3, served(), "what the code declares, as long as nothing is live")
		s.change(func() { s.live["docs"] = 2 })
		require.EqualValues(t, 3, served(), "within the interval")
		time.Sleep(1100 * time.Millisecond)
		require.EqualValues(t, 2, served())
		asked := s.asked
		for range 100 {
			served()
		}
		require.Equal(t, asked, s.asked, "the store is asked once an interval")

		s.change(func() { s.noIndex[2] = true })
		_, err := view.Find(t.Context(), r, readmodels.Query{Limit: 1})
		require.ErrorIs(t, err, readmodels.ErrRebuilding, "the old version cannot answer the new code's query")
		_, err = view.Count(t.Context(), r, nil, 0)
		require.ErrorIs(t, err, readmodels.ErrRebuilding)
		newer := view
		newer.Since = 3
		_, _, _, err = newer.Get(t.Context(), r, "x")
		require.ErrorIs(t, err, readmodels.ErrRebuilding, "what its documents mean has changed")
		_, err = newer.Raw().Find(t.Context(), r, readmodels.Query{Limit: 1})
		require.ErrorIs(t, err, readmodels.ErrRebuilding)

		s.change(func() { s.live["docs"] = 3; s.dropped[2] = true })
		require.EqualValues(t, 3, served(), "a swap that was missed is noticed when the old version is gone")
		s.change(func() { s.live["docs"] = 4 })
		r.Forget("docs")
		require.EqualValues(t, 4, served(), "at once in the process that swaps")

		s.change(func() { s.down = errors.New("down") })
		time.Sleep(2 * time.Second)
		require.EqualValues(t, 4, served(), "the last known version goes on while the store does not say")
		s.change(func() { s.dropped[4] = true })
		_, _, _, err = view.Get(t.Context(), r, "x")
		require.ErrorIs(t, err, s.down)
	})
}

func TestTrackerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{live: map[string]int{"docs": 3}, checkpoints: map[int]uint64{3: 10}}
		tracker := readmodels.NewTracker(readmodels.NewLiveReader(s, 0), view.Spec())
		position, err := tracker.Position(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 10, position)
		require.NoError(t, tracker.Wait(t.Context(), 10))

		// The projector runs elsewhere: the checkpoint is polled.
		var wg sync.WaitGroup
		start := time.Now()
		polled := s.polled
		for range 50 {
			wg.Go(func() { require.NoError(t, tracker.Wait(t.Context(), 20)) })
		}
		time.Sleep(time.Second)
		s.change(func() { s.checkpoints[3] = 20 })
		wg.Wait()
		require.Less(t, time.Since(start), 1100*time.Millisecond)
		require.Less(t, s.polled-polled, 100, "fifty waiters ask as often as one")

		// It runs here: Notify wakes at once.
		wg.Go(func() { require.NoError(t, tracker.Wait(t.Context(), 30)) })
		time.Sleep(time.Second)
		start = time.Now()
		tracker.Notify("docs", 3, 31)
		wg.Wait()
		require.Zero(t, time.Since(start))
		position, err = tracker.Position(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 31, position)
		tracker.Notify("docs", 3, 5)
		tracker.Notify("docs", 2, 99)
		position, err = tracker.Position(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 31, position, "neither back, nor by a version that is not live")

		// It stops: whoever waits gives up when its context does.
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start = time.Now()
		require.ErrorIs(t, tracker.Wait(ctx, 40), context.DeadlineExceeded)
		require.Equal(t, 5*time.Second, time.Since(start))

		// Another node takes over: polling finds what nobody notifies of.
		s.change(func() { s.checkpoints[3] = 50 })
		require.NoError(t, tracker.Wait(t.Context(), 50))
	})
}

func TestTrackerKnowsNothingOfAViewWithoutCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{live: map[string]int{}, checkpoints: map[int]uint64{}}
		other := readmodels.View[doc]{Name: "other", Version: 4}
		tracker := readmodels.NewTracker(readmodels.NewLiveReader(s, 0), view.Spec(), other.Spec())
		tracker.Notify("docs", 3, 100)
		position, err := tracker.Position(t.Context())
		require.NoError(t, err)
		require.Zero(t, position)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, tracker.Wait(ctx, 0), "position 0 is an event too")
		tracker.Notify("other", 4, 7)
		position, err = tracker.Position(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 7, position, "the least of them")
	})
}
