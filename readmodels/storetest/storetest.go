// Package storetest is the contract of readmodels.Store: every adapter runs it. It may import readmodels only.
package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/readmodels"
)

// Setup tells the contract how to get at stores.
type Setup struct {
	// Open makes an empty store. Cleaning up is the adapter's.
	Open func(testing.TB) readmodels.Store
	// Reopen closes the store and opens another one on the same data, as a restart does.
	Reopen func(testing.TB, readmodels.Store) readmodels.Store
	// Peer is a second node's store on the same data; nil where only one process can have the data at a time.
	Peer func(testing.TB, readmodels.Store) readmodels.Store
	// Snapshots tells that a query sees a commit as a whole or not at all.
	Snapshots bool
	// Torn tells that the server itself reads and writes a document in two steps, so that its guard does not hold
	// against writers at the same moment and what racing writers leave behind cannot be held against the adapter.
	Torn bool
	// Batch is the number of puts in a large batch; 0 means 2,000.
	Batch int
}

// Run runs the contract, each part on a store of its own.
func Run(t *testing.T, setup Setup) {
	if setup.Batch == 0 {
		setup.Batch = 2000
	}
	parts := []struct {
		name string
		run  func(*testing.T, Setup)
	}{
		{"what is committed is read back whole", readBack},
		{"a commit is all or nothing", allOrNothing},
		{"older positions never replace newer ones", guarded},
		{"replaying any suffix changes nothing", replayed},
		{"a former leader is fenced off", fenced},
		{"pages are in order and complete", paged},
		{"pages stay stable while documents are added", stablePages},
		{"ranges include both ends", ranges},
		{"a field may equal one of several values", severalValues},
		{"any query answers as filtering and sorting would", modelled},
		{"counting stops at the bound", counted},
		{"a query without an index is refused", refused},
		{"a document without the field is not listed by it", missingField},
		{"documents are handed on as JSON", rawDocuments},
		{"ids may be any text", unicodeIDs},
		{"a restart keeps everything", restarted},
		{"readers never see half a commit", halfCommits},
		{"large batches are stored whole", largeBatch},
		{"versions live side by side and are dropped alone", versions},
		{"indexes may come and go, fields may not", reindexed},
		{"of racing writers the newest remains", racing},
		{"a lease has one holder and rising tokens", oneHolder},
		{"a lease that runs out is taken over", takeover},
	}
	for _, p := range parts {
		t.Run(p.name, func(t *testing.T) { p.run(t, setup) })
	}
}

// Note is the contract's document.
type Note struct {
	Owner  string            `json:"owner"`
	Status string            `json:"status,omitempty"`
	Rank   int64             `json:"rank"`
	Flag   bool              `json:"flag"`
	Text   string            `json:"text,omitempty"`
	Tags   []string          `json:"tags,omitempty"`
	More   map[string]any    `json:"more,omitempty"`
	Names  map[string]string `json:"names,omitempty"`
}

// Notes is the contract's view, in a version.
func Notes(version int) readmodels.View[Note] {
	return readmodels.View[Note]{
		Name: "notes", Version: version,
		Indexes: []readmodels.Index{
			{Fields: []string{"owner", "rank"}},
			{Fields: []string{"status", "owner", "rank"}},
			{Fields: []string{"rank"}},
			{Fields: []string{"flag"}},
		},
		Fields: func(n *Note) map[string]any {
			f := map[string]any{"owner": n.Owner, "rank": n.Rank, "flag": n.Flag}
			if n.Status != "" {
				f["status"] = n.Status
			}
			return f
		},
	}
}

var notes = Notes(1)

func open(t *testing.T, setup Setup) (context.Context, readmodels.Store) {
	t.Helper()
	s := setup.Open(t)
	require.NoError(t, s.Open(t.Context(), notes.Spec()))
	return t.Context(), s
}

// batch makes a batch of notes, all at the checkpoint's position.
func batch(checkpoint uint64, puts map[string]*Note) readmodels.Batch {
	b := readmodels.Batch{Name: notes.Name, Version: notes.Version, Checkpoint: checkpoint}
	for id, n := range puts {
		b.Puts = append(b.Puts, notes.Put(id, checkpoint, n))
	}
	return b
}

// fill stores n notes, three owners in turn, each rank shared by two of an owner's.
func fill(t *testing.T, s readmodels.Store, n int) []string {
	t.Helper()
	b := batch(uint64(n), nil) // #nosec G115 -- a test's small numbers
	ids := make([]string, n)
	for i := range n {
		ids[i] = fmt.Sprintf("n%04d", i)
		note := &Note{Owner: owner(i), Rank: rank(i), Status: []string{"draft", "done"}[i%2], Flag: i%5 == 0}
		b.Puts = append(b.Puts, notes.Put(ids[i], uint64(i), note))
		if len(b.Puts) == 60 || i == n-1 {
			require.NoError(t, s.Commit(t.Context(), b))
			b.Puts = nil
		}
	}
	return ids
}

func owner(i int) string { return fmt.Sprintf("owner-%d", i%3) }
func rank(i int) int64   { return int64(i / 6) }

// walk turns all pages and answers with the ids in the order they came.
func walk(t *testing.T, r readmodels.Reader, q readmodels.Query) []string {
	t.Helper()
	ids := []string{}
	for range 10_000 {
		page, err := notes.Find(t.Context(), r, q)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Items), q.Limit)
		for _, item := range page.Items {
			ids = append(ids, item.ID)
		}
		if page.Next == nil {
			return ids
		}
		next, err := readmodels.DecodeCursor(readmodels.EncodeCursor(*page.Next))
		require.NoError(t, err)
		q.After = &next
	}
	t.Fatal("the pages do not end")
	return nil
}

// expected sorts the ids of the notes that match as the stores must.
func expected(ids []string, desc bool, match func(i int) bool) []string {
	want := []string{}
	for i, id := range ids {
		if match(i) {
			want = append(want, id)
		}
	}
	if desc { // ids rise with ranks in fill, so the order by rank and id is that of the ids
		slices.Reverse(want)
	}
	return want
}

func requireNote(t *testing.T, r readmodels.Reader, id string, position uint64, want *Note) {
	t.Helper()
	got, at, ok, err := notes.Get(t.Context(), r, id)
	require.NoError(t, err)
	require.Equal(t, want != nil, ok, "note %s", id)
	if want != nil {
		require.Equal(t, want, got)
		require.Equal(t, position, at)
	}
}

func requireCheckpoint(t *testing.T, r readmodels.Reader, want uint64) {
	t.Helper()
	got, ok, err := r.Checkpoint(t.Context(), notes.Name, notes.Version)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, want, got)
}
