package projections_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/infra/eventstore"
	"zhiping/projections"
	"zhiping/projections/folds"
	"zhiping/readmodels"
	"zhiping/readmodels/views"
)

// A store that was restored, or is another one, holds a history that the views were not folded from.
func TestViewsAreRebuiltWhenTheEventStoreHoldsAnotherHistory(t *testing.T) {
	for name, declarations := range map[string]struct{ from, to int }{
		"a shorter one":           {0, 2},
		"as long, but another":    {100, 110},
		"a longer one of its own": {200, 230},
		"an empty one":            {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := newStack(t), newStack(t)
			before.declare(t, 0, 10)
			store := openStore(t, filepath.Join(before.dir, "views.db"))
			defer func() { _ = store.Close(t.Context()) }()
			reader := readmodels.NewLiveReader(store, time.Millisecond)
			config := func(s *stack) projections.Config {
				feed := eventstore.NewFeed(s.client, "test")
				return projections.Config{Feed: feed, Log: feed, Store: store, Folds: folds.All(), Swapped: reader.Forget, CheckpointEvery: 10 * time.Millisecond}
			}
			project := func(s *stack) {
				p := start(t, config(s))
				defer p.Stop()
				caughtUp(t, p)
				require.Eventually(t, func() bool { on, err := reader.Rebuilding(t.Context()); return err == nil && !on }, 10*time.Second, 5*time.Millisecond)
			}
			project(before)
			mustAgree(t, store, before.everything(t))
			live, _, err := store.Live(t.Context(), views.Histories.Name)
			require.NoError(t, err)
			project(before) // the same history again is no reason for a rebuild
			again, _, err := store.Live(t.Context(), views.Histories.Name)
			require.NoError(t, err)
			require.Equal(t, live, again)

			after.declare(t, declarations.from, declarations.to)
			project(after)
			mustAgree(t, store, after.everything(t))
			rebuilt, _, err := store.Live(t.Context(), views.Histories.Name)
			require.NoError(t, err)
			require.NotEqual(t, live, rebuilt)

			after.declare(t, 300, 303) // what is saved from then on appears
			project(after)
			mustAgree(t, store, after.everything(t))
		})
	}
}

func TestReadsAreRefusedWhileAllViewsAreRebuilt(t *testing.T) {
	store := openStore(t, filepath.Join(t.TempDir(), "views.db"))
	defer func() { _ = store.Close(t.Context()) }()
	reader := readmodels.NewLiveReader(store, time.Millisecond)
	require.NoError(t, store.Open(t.Context(), views.Histories.Spec(), readmodels.RebuildState(true), readmodels.RebuildState(false)))
	for _, on := range []bool{true, false} {
		state := readmodels.RebuildState(on)
		require.NoError(t, store.SetLive(t.Context(), state.Name, state.Version, 1))
		time.Sleep(3 * time.Millisecond)
		_, _, _, err := views.Histories.Get(t.Context(), reader, "any")
		if on {
			require.ErrorIs(t, err, readmodels.ErrRebuilding)
		} else {
			require.NoError(t, err)
		}
	}
}
