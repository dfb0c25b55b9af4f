package projections_test

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/infra/eventstore"
	"zhiping/projections"
	"zhiping/projections/folds"
	"zhiping/readmodels"
)

// TestARebuildUnderLoadFailsNoRead rebuilds a view on the real stores while events keep coming and readers keep
// reading through the live version. No read fails, and none sees a document older than one seen before.
func TestARebuildUnderLoadFailsNoRead(t *testing.T) {
	s := newStack(t)
	s.declare(t, 0, 50)
	store := openStore(t, filepath.Join(s.dir, "views.db"))
	reader := readmodels.NewLiveReader(store, 50*time.Millisecond)
	history := folds.History()
	all := []projections.Fold{history, folds.Timeline()}
	p := start(t, projections.Config{
		Feed: eventstore.NewFeed(s.client, "swap"), Store: store, Folds: all, KeepOld: 300 * time.Millisecond,
		Swapped: reader.Forget, MaxBatch: 50,
	})
	caughtUp(t, p)

	ctx, cancel := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	var reads atomic.Int64
	for range 2 {
		busy.Go(func() {
			seen := map[string]uint64{}
			for ctx.Err() == nil {
				docs, err := reader.Find(ctx, history.Spec(), readmodels.Query{Limit: 200})
				if ctx.Err() != nil {
					return
				}
				if err != nil || len(docs) < 50 {
					t.Errorf("read %d documents: %v", len(docs), err)
					return
				}
				for _, d := range docs {
					if d.Position < seen[d.ID] {
						t.Errorf("document %s went back from %d to %d", d.ID, seen[d.ID], d.Position)
						return
					}
					seen[d.ID] = d.Position
				}
				reads.Add(1)
				time.Sleep(time.Millisecond)
			}
		})
	}
	declared := 50
	busy.Go(func() {
		for ; ctx.Err() == nil; declared += 5 {
			s.declare(t, declared, declared+5)
			time.Sleep(5 * time.Millisecond)
		}
	})

	want, err := projections.RequestRebuild(t.Context(), store, all, "history")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		live, _, err := store.Live(t.Context(), "history")
		return err == nil && live == want
	}, 20*time.Second, 5*time.Millisecond)
	require.Eventually(t, func() bool { // and the old version is cleared away
		views := p.Status()
		return len(views) == 2 && views[0].Version == want && views[0].Live
	}, 20*time.Second, 5*time.Millisecond)
	cancel()
	busy.Wait()
	t.Logf("%d reads while %d declarations came and the view was swapped", reads.Load(), declared-50)
	require.Eventually(t, p.CaughtUp, 20*time.Second, time.Millisecond)
	head, err := s.client.Head(t.Context())
	require.NoError(t, err)
	require.Eventually(t, func() bool { return p.Status()[0].Checkpoint >= head }, 20*time.Second, time.Millisecond)
	p.Stop()
	docs, err := projections.Documents(history, s.everything(t)...)
	require.NoError(t, err)
	n, err := reader.Count(t.Context(), history.Spec(), nil, 0)
	require.NoError(t, err)
	require.Equal(t, len(docs), n)
	require.NoError(t, store.Close(t.Context()))
}
