package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/readmodels"
)

func restarted(t *testing.T, setup Setup) {
	ctx, s := open(t, setup)
	ids := fill(t, s, 20)
	require.NoError(t, s.Commit(ctx, readmodels.Batch{
		Name: notes.Name, Version: 1, Checkpoint: 99, Token: 3, Deletes: []readmodels.Put{{ID: ids[0], Position: 99}},
	}))
	require.NoError(t, s.SetLive(ctx, notes.Name, 1, 0))
	token, ok, err := s.Acquire(ctx, "work", "me", time.Minute)
	require.NoError(t, err)
	require.True(t, ok)

	s = setup.Reopen(t, s)
	page, err := notes.Find(ctx, s, readmodels.Query{Equal: map[string]any{"owner": "owner-1"}, Sort: "rank", Limit: 100})
	require.NoError(t, err, "a view is read before it is opened")
	require.Len(t, page.Items, 7)
	require.ErrorIs(t, s.Commit(ctx, batch(100, nil)), readmodels.ErrNoView, "but not written")

	require.NoError(t, s.Open(ctx, notes.Spec()))
	requireCheckpoint(t, s, 99)
	version, ok, err := s.Live(ctx, notes.Name)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, 1, version)
	require.ErrorIs(t, s.Commit(ctx, batch(100, nil)), readmodels.ErrFenced)
	b := batch(50, map[string]*Note{ids[0]: {}})
	b.Token = 3
	require.NoError(t, s.Commit(ctx, b))
	requireNote(t, s, ids[0], 0, nil)
	again, ok, err := s.Acquire(ctx, "work", "me", time.Minute)
	require.NoError(t, err)
	require.True(t, ok, "an owner that restarts has its lease back at once")
	require.Greater(t, again, token)

	require.NoError(t, s.Close(ctx))
	_, err = s.Get(ctx, notes.Spec(), ids[1])
	require.ErrorIs(t, err, readmodels.ErrUnavailable)
	require.NoError(t, s.Close(ctx), "closing twice is nothing")
}

func versions(t *testing.T, setup Setup) {
	ctx, s := open(t, setup)
	next := Notes(2)
	_, err := s.Get(ctx, next.Spec(), "a")
	require.ErrorIs(t, err, readmodels.ErrNoView)
	_, err = s.Find(ctx, next.Spec(), readmodels.Query{Limit: 1})
	require.ErrorIs(t, err, readmodels.ErrNoView)
	_, err = s.Count(ctx, next.Spec(), nil, 0)
	require.ErrorIs(t, err, readmodels.ErrNoView)
	require.ErrorIs(t, s.SetLive(ctx, notes.Name, 2, 0), readmodels.ErrNoView)
	_, ok, err := s.Live(ctx, notes.Name)
	require.NoError(t, err)
	require.False(t, ok)

	require.NoError(t, s.Open(ctx, next.Spec()))
	require.NoError(t, s.Commit(ctx, batch(1, map[string]*Note{"a": {Text: "one"}})))
	b := batch(2, map[string]*Note{"a": {Text: "two"}})
	b.Version = 2
	require.NoError(t, s.Commit(ctx, b))
	reader := readmodels.NewLiveReader(s, time.Nanosecond)
	text := func() string {
		n, _, ok, err := next.Get(ctx, reader, "a")
		require.NoError(t, err)
		require.True(t, ok)
		return n.Text
	}
	require.NoError(t, s.SetLive(ctx, notes.Name, 1, 0))
	require.Equal(t, "one", text())
	require.NoError(t, s.SetLive(ctx, notes.Name, 2, 0))
	require.Equal(t, "two", text())
	require.NoError(t, s.Drop(ctx, notes.Name, 1))
	require.NoError(t, s.Drop(ctx, notes.Name, 1), "dropping what is not there does nothing")
	require.Equal(t, "two", text())
	_, err = s.Get(ctx, notes.Spec(), "a")
	require.ErrorIs(t, err, readmodels.ErrNoView)
	_, ok, err = s.Checkpoint(ctx, notes.Name, 1)
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, s.Open(ctx, notes.Spec()))
	requireNote(t, s, "a", 0, nil)
}

func reindexed(t *testing.T, setup Setup) {
	ctx, s := open(t, setup)
	ids := fill(t, s, 12)
	changed := Notes(1)
	changed.Indexes = []readmodels.Index{{Fields: []string{"owner"}}, {Fields: []string{"rank"}}}
	require.NoError(t, s.Open(ctx, changed.Spec()))
	require.Equal(t, expected(ids, false, func(i int) bool { return i%3 == 0 }),
		walk(t, s, readmodels.Query{Equal: map[string]any{"owner": "owner-0"}, Limit: 2}))
	_, err := s.Find(ctx, changed.Spec(), readmodels.Query{Equal: map[string]any{"flag": true}, Limit: 2})
	require.ErrorIs(t, err, readmodels.ErrNoIndex)
	changed.Indexes = append(changed.Indexes, readmodels.Index{Fields: []string{"text"}})
	require.ErrorIs(t, s.Open(ctx, changed.Spec()), readmodels.ErrQuery, "old documents have no such field")
	require.NoError(t, s.Open(ctx, notes.Spec()), "and back")
	require.Len(t, walk(t, s, readmodels.Query{Equal: map[string]any{"flag": false}, Limit: 5}), 9)

	for _, bad := range []readmodels.View[Note]{
		{Name: "No", Version: 1}, {Name: "a;b", Version: 1}, {Name: "ok"},
		{Name: "ok", Version: 1, Indexes: []readmodels.Index{{}}},
		{Name: "ok", Version: 1, Indexes: []readmodels.Index{{Fields: []string{"a", "a"}}}},
		{Name: "ok", Version: 1, Indexes: []readmodels.Index{{Fields: []string{"a", "A"}}}},
	} {
		require.ErrorIs(t, s.Open(ctx, bad.Spec()), readmodels.ErrQuery, "%+v", bad)
	}
}

// nodes are two stores on the same data, or one twice where there can only be one process.
func nodes(t *testing.T, setup Setup) (a, b readmodels.Store) {
	_, a = open(t, setup)
	if setup.Peer == nil {
		return a, a
	}
	return a, setup.Peer(t, a)
}

// racing lets two nodes write the same documents in any order: the newest of each must remain.
func racing(t *testing.T, setup Setup) {
	a, b := nodes(t, setup)
	require.NoError(t, b.Open(t.Context(), notes.Spec()))
	var wg sync.WaitGroup
	for i, s := range []readmodels.Store{a, b, a, b} {
		wg.Go(func() {
			for n := range uint64(min(setup.Batch/40, 25)) { // #nosec G115 -- a test's small numbers
				position := n*4 + uint64(i) + 1 // #nosec G115 -- a test's small numbers
				puts := map[string]*Note{}
				for id := range uint64(3) {
					if (position+id)%3 != 0 {
						puts[fmt.Sprint("n", id)] = &Note{Rank: int64(position)} // #nosec G115 -- a test's small numbers
					}
				}
				if err := s.Commit(t.Context(), batch(position, puts)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if setup.Torn {
		return // that no commit failed is all there is to see
	}
	last := uint64(min(setup.Batch/40, 25)) * 4 // #nosec G115 -- a test's small numbers
	for id := range uint64(3) {
		want := last
		for (want+id)%3 == 0 {
			want--
		}
		requireNote(t, a, fmt.Sprint("n", id), want, &Note{Rank: int64(want)}) // #nosec G115 -- a test's small numbers
	}
	requireCheckpoint(t, b, last)
}

func oneHolder(t *testing.T, setup Setup) {
	a, b := nodes(t, setup)
	ctx := t.Context()
	var holders, last atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			s := []readmodels.Store{a, b}[i%2]
			token, ok, err := s.Acquire(ctx, "race", string(rune('a'+i)), time.Minute) // #nosec G115 -- a test's small numbers
			if err != nil {
				t.Error(err)
			}
			if ok {
				holders.Add(1)
				last.Store(int64(token)) // #nosec G115 -- a test's small numbers
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, holders.Load(), "exactly one of those who race holds the lease")
	token := uint64(last.Load()) // #nosec G115 -- a test's small numbers
	require.NoError(t, b.Renew(ctx, "race", token, time.Minute))
	require.ErrorIs(t, b.Renew(ctx, "race", token+1, time.Minute), readmodels.ErrLeaseLost)
	require.ErrorIs(t, b.Renew(ctx, "other", token, time.Minute), readmodels.ErrLeaseLost)
	require.NoError(t, b.Release(ctx, "race", token+1))
	require.NoError(t, a.Renew(ctx, "race", token, time.Minute), "only the holder releases")
	require.NoError(t, a.Release(ctx, "race", token))
	require.ErrorIs(t, a.Renew(ctx, "race", token, time.Minute), readmodels.ErrLeaseLost)
	next, ok, err := b.Acquire(ctx, "race", "z", time.Minute)
	require.NoError(t, err)
	require.True(t, ok, "a released lease is free at once")
	require.Greater(t, next, token)
	_, _, err = b.Acquire(ctx, "race", "", time.Minute)
	require.ErrorIs(t, err, readmodels.ErrQuery)
}

// takeover lets the first leader pause, the second one take over, and the first come back to write.
func takeover(t *testing.T, setup Setup) {
	a, b := nodes(t, setup)
	const ttl = 400 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	first, ok, err := a.Acquire(ctx, "lead", "a", ttl)
	require.NoError(t, err)
	require.True(t, ok)
	commit := func(s readmodels.Store, token, position uint64) error {
		return s.Commit(ctx, readmodels.Batch{
			Name: notes.Name, Version: 1, Checkpoint: position, Token: token,
			Puts: []readmodels.Put{notes.Put("n", position, &Note{Rank: int64(position)})}, // #nosec G115 -- a test's small numbers
		})
	}
	require.NoError(t, commit(a, first, 1))
	for start := time.Now(); time.Since(start) < 2*ttl; time.Sleep(ttl / 8) {
		_, ok, err := b.Acquire(ctx, "lead", "b", ttl)
		require.NoError(t, err)
		require.False(t, ok, "the lease is renewed in time")
		require.NoError(t, a.Renew(ctx, "lead", first, ttl))
	}
	paused := time.Now()
	var second uint64
	for ok = false; !ok; time.Sleep(ttl / 8) {
		second, ok, err = b.Acquire(ctx, "lead", "b", ttl)
		require.NoError(t, err)
	}
	require.Less(t, time.Since(paused), 5*ttl, "the takeover takes a ttl or so")
	require.Greater(t, second, first)
	require.NoError(t, b.Open(ctx, notes.Spec()))
	require.NoError(t, commit(b, second, 2))
	require.ErrorIs(t, a.Renew(ctx, "lead", first, ttl), readmodels.ErrLeaseLost)
	require.ErrorIs(t, commit(a, first, 3), readmodels.ErrFenced)
	requireNote(t, b, "n", 2, &Note{Rank: 2})
}
