package sqlite_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
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

// A list is the same whether its documents are cached, some of them, or none; raw ones never are.
func TestCachedListsAreWhatTheFileHolds(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "views.db"))
	notes := storetest.Notes(1)
	require.NoError(t, s.Open(t.Context(), notes.Spec()))
	commit := func(position uint64, n int) {
		b := readmodels.Batch{Name: "notes", Version: 1, Checkpoint: position}
		for range n {
			id := fmt.Sprint("n", rand.IntN(30))
			if slices.ContainsFunc(append(b.Puts, b.Deletes...), func(p readmodels.Put) bool { return p.ID == id }) {
				continue
			}
			if rand.IntN(5) == 0 {
				b.Deletes = append(b.Deletes, readmodels.Put{ID: id, Position: position})
				continue
			}
			note := &storetest.Note{Owner: fmt.Sprint("o", rand.IntN(2)), Rank: rand.Int64N(9), Flag: rand.IntN(2) == 0, Text: fmt.Sprint(position)}
			b.Puts = append(b.Puts, notes.Put(id, position, note))
		}
		require.NoError(t, s.Commit(t.Context(), b))
	}
	queries := []readmodels.Query{
		{Limit: 50},
		{Equal: map[string]any{"owner": "o1"}, Sort: "rank", Desc: true, Limit: 50},
		{Equal: map[string]any{"owner": "o0"}, Sort: "rank", From: 2, To: 6, Limit: 3},
		{Sort: "rank", After: &readmodels.Key{Value: int64(4), ID: "n3"}, Limit: 7},
		{Sort: "flag", Desc: true, Limit: 20},
		{Equal: map[string]any{"owner": "nobody"}, Sort: "rank", Limit: 5},
	}
	for position := range uint64(60) {
		commit(position+1, 1+rand.IntN(4))
		for _, q := range queries {
			stored, err := notes.Raw().Find(t.Context(), s, q)
			require.NoError(t, err)
			for range 2 { // the second time all are cached
				got, err := notes.Find(t.Context(), s, q)
				require.NoError(t, err)
				require.Equal(t, stored.Next, got.Next)
				require.Len(t, got.Items, len(stored.Items))
				for i, item := range got.Items {
					text, err := json.Marshal(item.Doc)
					require.NoError(t, err)
					require.Equal(t, stored.Items[i].ID, item.ID)
					require.Equal(t, stored.Items[i].Position, item.Position)
					require.JSONEq(t, string(*stored.Items[i].Doc), string(text))
				}
			}
		}
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
