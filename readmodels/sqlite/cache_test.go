package sqlite_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/readmodels"
	"zhiping/readmodels/sqlite"
	"zhiping/readmodels/storetest"
)

// Whatever mixture of cached and stored documents a reader gets, it never sees an older state than it saw before,
// nor one older than what was committed before it asked.
func TestReadersNeverGoBackInTime(t *testing.T) {
	const ids = 20
	s := openAt(t, filepath.Join(t.TempDir(), "views.db"))
	notes := storetest.Notes(1)
	require.NoError(t, s.Open(t.Context(), notes.Spec()))
	var committed [ids]atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop.Store(true)
	see := func(seen *[ids]int64, before int64, i int, n *storetest.Note) {
		if n.Rank < seen[i] || n.Rank < before {
			t.Errorf("note %d: saw %d after %d, with %d committed", i, n.Rank, seen[i], before)
			stop.Store(true)
		}
		seen[i] = n.Rank
	}
	for range 2 {
		wg.Go(func() {
			var seen [ids]int64
			for !stop.Load() {
				i := rand.IntN(ids)
				before := committed[i].Load()
				if n, _, ok, err := notes.Get(t.Context(), s, fmt.Sprint("n", i)); err != nil {
					t.Error(err)
				} else if ok {
					see(&seen, before, i, n)
				}
				var all [ids]int64
				for i := range all {
					all[i] = committed[i].Load()
				}
				page, err := notes.Find(t.Context(), s, readmodels.Query{Equal: map[string]any{"owner": "o"}, Sort: "rank", Limit: ids})
				if err != nil {
					t.Error(err)
				}
				for _, item := range page.Items {
					var i int
					_, _ = fmt.Sscanf(item.ID, "n%d", &i) // ids are made above
					see(&seen, all[i], i, item.Doc)
				}
			}
		})
	}
	for rank, start := int64(1), time.Now(); rank <= 1500 && time.Since(start) < time.Second && !stop.Load(); rank++ {
		i := rand.IntN(ids)
		// The position stays for a while: documents change under the same one when a parked one is mended.
		b := readmodels.Batch{Name: "notes", Version: 1, Checkpoint: uint64(rank / 50)}
		b.Puts = append(b.Puts, notes.Put(fmt.Sprint("n", i), uint64(rank/50), &storetest.Note{Owner: "o", Rank: rank}))
		require.NoError(t, s.Commit(t.Context(), b))
		committed[i].Store(rank)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	s, err := sqlite.New(sqlite.Config{Path: filepath.Join(t.TempDir(), "views.db"), DocumentsMiB: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	notes := storetest.Notes(1)
	require.NoError(t, s.Open(t.Context(), notes.Spec()))
	b := readmodels.Batch{Name: "notes", Version: 1, Checkpoint: 1}
	for i := range 50 {
		b.Puts = append(b.Puts, notes.Put(fmt.Sprint("n", i), 1, &storetest.Note{Text: strings.Repeat("x", 1<<16)}))
	}
	require.NoError(t, s.Commit(t.Context(), b))
	for i := range 50 {
		_, _, ok, err := notes.Get(t.Context(), s, fmt.Sprint("n", i))
		require.NoError(t, err)
		require.True(t, ok)
		require.LessOrEqual(t, s.CacheSize(), 1<<20)
	}
	require.Greater(t, s.CacheSize(), 14<<16)
}
