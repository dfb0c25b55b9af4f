package storetest

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/readmodels"
)

func readBack(t *testing.T, setup Setup) {
	ctx, s := open(t, setup)
	require.NoError(t, s.Ping(ctx))
	_, ok, err := s.Checkpoint(ctx, notes.Name, notes.Version)
	require.NoError(t, err)
	require.False(t, ok, "nothing was committed yet")

	note := &Note{
		Owner: "张三", Rank: math.MaxInt64, Flag: true, Text: "职称\n\"评审\"\u0000\U0001F600", Tags: []string{},
		More:  map[string]any{"a.b": 1.5, "$c": nil, "d": []any{"x", true, map[string]any{}}, "$date": "2024"},
		Names: map[string]string{"": "empty", "z": "1", "a": "2"},
	}
	note.Tags = []string{"一", ""}
	require.NoError(t, s.Commit(ctx, batch(math.MaxInt64, map[string]*Note{"a": note})))
	requireNote(t, s, "a", math.MaxInt64, note)
	requireNote(t, s, "b", 0, nil)
	requireCheckpoint(t, s, math.MaxInt64)

	docs, err := s.Get(ctx, notes.Spec(), "a", "b", "a")
	require.NoError(t, err)
	require.Len(t, docs, 1)
	docs, err = s.Get(ctx, notes.Spec())
	require.NoError(t, err)
	require.Empty(t, docs)
}

func allOrNothing(t *testing.T, setup Setup) {
	ctx, s := open(t, setup)
	require.NoError(t, s.Commit(ctx, batch(5, map[string]*Note{"old": {Owner: "x"}})))

	unencodable := batch(7, map[string]*Note{"u": {More: map[string]any{"f": func() {}}}})
	unknown := readmodels.Batch{Name: "unknown", Version: 1, Checkpoint: 7}
	tooFar := batch(math.MaxUint64, nil)
	twice := batch(7, map[string]*Note{"t": {}})
	twice.Deletes = []readmodels.Put{{ID: "t", Position: 7}}
	stale := batch(7, map[string]*Note{"s": {}})
	require.NoError(t, s.Open(ctx, Notes(2).Spec()))
	newer := readmodels.Batch{Name: notes.Name, Version: 2, Checkpoint: 1, Token: 9}
	require.NoError(t, s.Commit(ctx, newer))
	stale.Version, stale.Token = 2, 8

	for name, bad := range map[string]readmodels.Batch{"unencodable": unencodable, "unknown": unknown, "too far": tooFar, "twice": twice, "fenced": stale} {
		good := batch(6, map[string]*Note{"new": {Owner: "y"}, "old": {Owner: "changed"}})
		require.Error(t, s.Commit(ctx, good, bad), name)
		requireNote(t, s, "new", 0, nil)
		requireNote(t, s, "old", 5, &Note{Owner: "x"})
		requireCheckpoint(t, s, 5)
	}
}

func guarded(t *testing.T, setup Setup) {
	ctx, s := open(t, setup)
	newer, older := &Note{Owner: "new"}, &Note{Owner: "old"}
	require.NoError(t, s.Commit(ctx, batch(10, map[string]*Note{"a": newer, "gone": newer})))
	require.NoError(t, s.Commit(ctx, batch(9, map[string]*Note{"a": older, "b": older})))
	requireNote(t, s, "a", 10, newer)
	requireNote(t, s, "b", 9, older)
	requireCheckpoint(t, s, 10)

	same := &Note{Owner: "corrected"}
	require.NoError(t, s.Commit(ctx, batch(10, map[string]*Note{"a": same})))
	requireNote(t, s, "a", 10, same)

	remove := func(position uint64, ids ...string) {
		b := batch(position, nil)
		for _, id := range ids {
			b.Deletes = append(b.Deletes, readmodels.Put{ID: id, Position: position})
		}
		require.NoError(t, s.Commit(ctx, b))
	}
	remove(9, "a")
	requireNote(t, s, "a", 10, same)
	remove(20, "gone", "never was")
	requireNote(t, s, "gone", 0, nil)
	require.NoError(t, s.Commit(ctx, batch(15, map[string]*Note{"gone": older, "never was": older})))
	requireNote(t, s, "gone", 0, nil)
	requireNote(t, s, "never was", 0, nil)
	page, err := notes.Find(ctx, s, readmodels.Query{Limit: 10})
	require.NoError(t, err)
	require.Len(t, page.Items, 2, "deleted documents are not listed")
	page, err = notes.Find(ctx, s, readmodels.Query{Sort: "rank", Limit: 10})
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	n, err := notes.Count(ctx, s, nil, 0)
	require.NoError(t, err)
	require.Equal(t, 2, n)

	require.NoError(t, s.Commit(ctx, batch(21, map[string]*Note{"gone": newer})))
	requireNote(t, s, "gone", 21, newer)
	require.NoError(t, s.Commit(ctx, batch(20, map[string]*Note{"gone": older})))
	requireNote(t, s, "gone", 21, newer)
}

// replayed commits a history, then every suffix of it once more.
func replayed(t *testing.T, setup Setup) {
	ctx, s := open(t, setup)
	var history []readmodels.Batch
	for p := uint64(1); p <= 8; p++ {
		b := batch(p, map[string]*Note{
			fmt.Sprint("n", p%3): {Owner: "o", Rank: int64(p)},
			fmt.Sprint("m", p):   {Owner: "o", Rank: int64(p)},
		})
		if p > 2 {
			b.Deletes = []readmodels.Put{{ID: fmt.Sprint("m", p-2), Position: p}}
		}
		history = append(history, b)
	}
	state := func() (all []readmodels.Item[Note]) {
		page, err := notes.Find(ctx, s, readmodels.Query{Limit: 100})
		require.NoError(t, err)
		return page.Items
	}
	for _, b := range history {
		require.NoError(t, s.Commit(ctx, b))
	}
	want := state()
	require.Len(t, want, 5)
	for from := range history {
		for _, b := range history[from:] {
			require.NoError(t, s.Commit(ctx, b))
		}
		require.Equal(t, want, state(), "replayed from batch %d", from)
		requireCheckpoint(t, s, 8)
	}
}

func fenced(t *testing.T, setup Setup) {
	ctx, s := open(t, setup)
	with := func(token, checkpoint uint64, puts map[string]*Note) error {
		b := batch(checkpoint, puts)
		b.Token = token
		return s.Commit(ctx, b)
	}
	require.NoError(t, with(1, 1, map[string]*Note{"a": {Rank: 1}}))
	require.NoError(t, with(2, 1, nil), "the new leader makes itself known")
	require.ErrorIs(t, with(1, 2, map[string]*Note{"a": {Rank: 2}, "b": {}}), readmodels.ErrFenced)
	require.ErrorIs(t, with(0, 2, nil), readmodels.ErrFenced)
	requireNote(t, s, "a", 1, &Note{Rank: 1})
	requireNote(t, s, "b", 0, nil)
	requireCheckpoint(t, s, 1)
	require.NoError(t, with(2, 2, map[string]*Note{"a": {Rank: 2}}))

	require.NoError(t, s.SetLive(ctx, notes.Name, 1, 5))
	require.ErrorIs(t, s.SetLive(ctx, notes.Name, 1, 4), readmodels.ErrFenced)
	require.NoError(t, s.SetLive(ctx, notes.Name, 1, 5))
}

func halfCommits(t *testing.T, setup Setup) {
	ctx, s := open(t, setup)
	puts := func(rank int64) map[string]*Note {
		m := map[string]*Note{}
		for i := range 40 {
			m[fmt.Sprint("n", i)] = &Note{Owner: "o", Rank: rank}
		}
		return m
	}
	require.NoError(t, s.Commit(ctx, batch(1, puts(1))))
	var stop atomic.Bool
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop.Store(true)
	for range 4 {
		wg.Go(func() {
			var last int64
			for !stop.Load() {
				page, err := notes.Find(ctx, s, readmodels.Query{Equal: map[string]any{"owner": "o"}, Sort: "rank", Limit: 100})
				if err != nil || len(page.Items) == 0 {
					t.Errorf("find: %d notes, %v", len(page.Items), err)
					return
				}
				low, high := page.Items[0].Doc.Rank, page.Items[len(page.Items)-1].Doc.Rank
				if low < last {
					t.Errorf("went back from %d to %d", last, low)
				}
				if setup.Snapshots && (low != high || len(page.Items) != 40) {
					t.Errorf("half a commit: ranks %d to %d, %d notes", low, high, len(page.Items))
				}
				last = low
			}
		})
	}
	for p := range uint64(min(setup.Batch/20, 40)) { // #nosec G115 -- a test's small numbers
		require.NoError(t, s.Commit(ctx, batch(p+2, puts(int64(p+2)))))
	}
}

func largeBatch(t *testing.T, setup Setup) {
	ctx, s := open(t, setup)
	b := batch(1, nil)
	ids := make([]string, setup.Batch)
	for i := range ids {
		ids[i] = fmt.Sprintf("n%06d", i)
		b.Puts = append(b.Puts, notes.Put(ids[i], 1, &Note{Owner: "o", Rank: int64(i), Text: strings.Repeat("评", 100)}))
	}
	require.NoError(t, s.Commit(ctx, b))
	docs, err := s.Get(ctx, notes.Spec(), ids...)
	require.NoError(t, err)
	require.Len(t, docs, len(ids))
	n, err := notes.Count(ctx, s, map[string]any{"owner": "o"}, 0)
	require.NoError(t, err)
	require.Equal(t, len(ids), n)
}

func unicodeIDs(t *testing.T, setup Setup) {
	ctx, s := open(t, setup)
	ids := []string{"a", "A", "é", "e\u0301", "张三", "🙂", " ", "%_'\"\\", "$x.y", strings.Repeat("长", 80)}
	b := batch(1, nil)
	for i, id := range ids {
		b.Puts = append(b.Puts, notes.Put(id, 1, &Note{Owner: id, Rank: int64(i)}))
	}
	require.NoError(t, s.Commit(ctx, b))
	for i, id := range ids {
		requireNote(t, s, id, 1, &Note{Owner: id, Rank: int64(i)})
		page, err := notes.Find(ctx, s, readmodels.Query{Equal: map[string]any{"owner": id}, Sort: "rank", Limit: 5})
		require.NoError(t, err)
		require.Len(t, page.Items, 1)
		require.Equal(t, id, page.Items[0].ID)
	}
	require.Len(t, walk(t, s, readmodels.Query{Limit: 3}), len(ids))
	for _, id := range []string{"", "nul\x00", "bad\xff"} {
		require.ErrorIs(t, s.Commit(ctx, batch(2, map[string]*Note{id: {}})), readmodels.ErrQuery)
	}
}
