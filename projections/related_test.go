package projections_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/projections"
	"zhiping/projections/folds"
	"zhiping/readmodels"
	"zhiping/readmodels/views"
)

// lives interleaves the ten events of some declarations, as they come from many applicants at once.
func lives(n int, seed uint64) []domain.Recorded {
	random := rand.New(rand.NewPCG(seed, 0))
	var out []domain.Recorded
	next := make([]int, n)
	for len(out) < 10*n {
		i := random.IntN(n)
		if next[i] == 10 {
			continue
		}
		position := 10 * (len(out) + 1)
		out = append(out, domain.Recorded{
			Stream:   domain.Stream(domain.CategoryDeclaration, domain.DerivedID("d", fmt.Sprint(i)).String()),
			Revision: uint64(next[i]), Position: uint64(position), At: time.Unix(int64(position*position), 0).UTC(), Event: life(i)[next[i]],
		})
		next[i]++
	}
	return out
}

// snapshot and restore tear a commit: of the documents, some are as they were before it.
func (m *memory) snapshot(s readmodels.Spec) map[string]readmodels.Document {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]readmodels.Document{}
	for id, d := range m.views[name(s.Name, s.Version)] {
		out[id] = d
	}
	return out
}

func (m *memory) restore(s readmodels.Spec, old map[string]readmodels.Document, some func() bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	docs := m.views[name(s.Name, s.Version)]
	for id := range docs {
		if !some() {
			continue
		}
		if d, ok := old[id]; ok {
			docs[id] = d
		} else {
			delete(docs, id)
		}
	}
}

// A store without transactions may keep some documents of a commit and lose others. Whichever those are, folding
// the events again makes every figure right.
func TestFollowedDocumentsAreExactAfterATornCommit(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		events := lives(14, seed)
		cut := random.IntN(len(events))
		fold := folds.Statistics()
		store, feed := newMemory(), newLog(events[:cut]...)
		cfg := projections.Config{Feed: feed, Store: store, Folds: []projections.Fold{fold}, MaxBatch: 1 + random.IntN(60), Cache: 8,
			MaxSpool: int64(1 + random.IntN(16<<10))}
		stopped(t, cfg)
		old := store.snapshot(fold.Spec())
		feed.append(events[cut:]...)
		stopped(t, cfg)
		mustEqualFold(t, store, fold, events)
		store.restore(fold.Spec(), old, func() bool { return random.IntN(2) == 0 })
		at := uint64(0)
		if cut > 0 {
			at = events[cut-1].Position
		}
		store.rewind(at)
		stopped(t, cfg)
		mustEqualFold(t, store, fold, events)
	}
}

// strict refuses one event, until it is repaired.
func strict(refused uint64) projections.Projection[views.Stats] {
	f := folds.Statistics()
	apply := f.Apply
	f.Apply = func(docs *projections.Docs[views.Stats], e domain.Recorded) error {
		if e.Position == refused {
			return errors.New("refused")
		}
		return apply(docs, e)
	}
	return f
}

func TestFollowedDocumentsAreReplayedFromWhereTheyStopped(t *testing.T) {
	events := lives(14, 7)
	for _, i := range []int{0, 30} {
		for i < len(events) && !moves(events[i]) {
			i++
		}
		store, feed := newMemory(), newLog(events...)
		bad := strict(events[i].Position)
		stopped(t, config(store, feed, bad))
		parked, err := projections.ListParked(t.Context(), store, bad.Spec())
		require.NoError(t, err)
		require.Len(t, parked, 2, "the declaration and its notice")
		whole := folds.Statistics()
		again := start(t, config(store, feed, whole))
		caughtUp(t, again)
		require.NoError(t, projections.RequestReplay(t.Context(), store, []projections.Fold{whole}, whole.View.Name))
		require.Eventually(t, func() bool { return again.Status()[0].Parked == 0 }, 5*time.Second, time.Millisecond)
		mustEqualFold(t, store, whole, events)
	}
}

// moves tells whether the statistics take notice of an event.
func moves(e domain.Recorded) bool {
	switch e.Event.(type) {
	case declaration.ModuleSaved, declaration.FileAttached:
		return false
	}
	return true
}
