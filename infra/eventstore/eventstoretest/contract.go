// Package eventstoretest holds the contract that every commands.EventStore must pass, and event types to test
// with. Tests import it; the program does not.
package eventstoretest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"zhiping/commands"
	"zhiping/domain"
)

// Noted is an event to test with.
type Noted struct {
	Text string `json:"text"`
	N    int    `json:"n"`
}

// Struck is another one; it began as version 1 with the number under another name.
type Struck struct {
	N int `json:"n"`
}

// Types lists the events to test with.
func Types() []domain.EventType {
	return []domain.EventType{
		{Name: "TestNoted", Version: 1, Zero: Noted{}},
		{Name: "TestStruck", Version: 2, Zero: Struck{}, Upcast: map[int]func([]byte) ([]byte, error){
			1: func(b []byte) ([]byte, error) { return []byte(strings.ReplaceAll(string(b), `"number"`, `"n"`)), nil },
		}},
	}
}

// Note proposes an event with all metadata filled in.
func Note(text string, n int) domain.Proposed {
	return domain.Proposed{ID: uuid.New(), Type: "TestNoted", Event: Noted{Text: text, N: n}, Meta: Meta()}
}

// Meta is metadata with every field set.
func Meta() domain.Metadata {
	return domain.Metadata{
		At: time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC), Actor: "u-1", ActorName: "王五", Role: domain.Unit,
		Organization: domain.Organization{ID: "91110000MA0000000X", Name: "第一医院"}, IP: "192.0.2.7",
		CorrelationID: "corr-1", CausationID: "caus-1", CommandID: uuid.New(), Command: "Note", Fingerprint: "f1",
		Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
}

// Fixture is a store under test. Restart, where there is one, stops and starts what the store is connected to.
type Fixture struct {
	Store   commands.EventStore
	Restart func()
}

// Run runs the contract. Open is called once for every part of it.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	parts := map[string]func(*testing.T, Fixture){
		"a missing stream reads as no events":             missing,
		"what is appended is read back, metadata and all": roundTrip,
		"reading starts at a revision":                    fromRevision,
		"a wrong expected revision is a conflict":         conflicts,
		"of racing appends exactly one wins":              race,
		"an append repeated with its ids succeeds":        idempotent,
		"an append is all or nothing":                     allOrNothing,
		"too much is refused":                             tooLarge,
		"positions grow with every append":                positions,
		"a cancelled context ends a call":                 cancelled,
		"a restart of the server is survived":             restart,
	}
	for name, part := range parts {
		t.Run(name, func(t *testing.T) { part(t, open(t)) })
	}
}

func stream() string { return "test-" + uuid.NewString() }

func missing(t *testing.T, f Fixture) {
	got, err := f.Store.Read(t.Context(), stream(), 0)
	require.NoError(t, err)
	require.Nil(t, got)
}

func roundTrip(t *testing.T, f Fixture) {
	s, want := stream(), []domain.Proposed{Note("甲", 1), Note("乙", 2)}
	a, err := f.Store.Append(t.Context(), s, commands.NoStream, want)
	require.NoError(t, err)
	require.Equal(t, uint64(1), a.Revision)
	got, err := f.Store.Read(t.Context(), s, 0)
	require.NoError(t, err)
	require.Len(t, got, 2)
	for i, g := range got {
		meta := want[i].Meta
		meta.SchemaVersion = 1
		require.Equal(t, domain.Recorded{
			Stream: s, Revision: uint64(i), Position: g.Position, ID: want[i].ID, Type: want[i].Type,
			At: meta.At, Meta: meta, Event: want[i].Event,
		}, g)
	}
	require.Less(t, got[0].Position, got[1].Position)
	require.Equal(t, a.Position, got[1].Position, "Append answers with the position that reads show")
}

func fromRevision(t *testing.T, f Fixture) {
	s := stream()
	_, err := f.Store.Append(t.Context(), s, commands.NoStream, []domain.Proposed{Note("a", 0), Note("b", 1), Note("c", 2)})
	require.NoError(t, err)
	got, err := f.Store.Read(t.Context(), s, 1)
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, Noted{"b", 1}, got[0].Event)
	got, err = f.Store.Read(t.Context(), s, 3)
	require.NoError(t, err)
	require.Empty(t, got)
}

func conflicts(t *testing.T, f Fixture) {
	s := stream()
	_, err := f.Store.Append(t.Context(), s, 0, []domain.Proposed{Note("a", 0)})
	require.ErrorIs(t, err, commands.ErrConflict, "a stream that is not there")
	_, err = f.Store.Append(t.Context(), s, commands.NoStream, []domain.Proposed{Note("a", 0)})
	require.NoError(t, err)
	for _, wrong := range []int64{commands.NoStream, 1, 7} {
		_, err = f.Store.Append(t.Context(), s, wrong, []domain.Proposed{Note("b", 0)})
		require.ErrorIs(t, err, commands.ErrConflict, "expected %d", wrong)
	}
	_, err = f.Store.Append(t.Context(), s, 0, []domain.Proposed{Note("b", 0)})
	require.NoError(t, err)
}

func race(t *testing.T, f Fixture) {
	s := stream()
	_, err := f.Store.Append(t.Context(), s, commands.NoStream, []domain.Proposed{Note("first", 0)})
	require.NoError(t, err)
	const racers = 16
	errs := make([]error, racers)
	var wg sync.WaitGroup
	for i := range racers {
		wg.Go(func() { _, errs[i] = f.Store.Append(t.Context(), s, 0, []domain.Proposed{Note("racer", i)}) })
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		if err == nil {
			require.Equal(t, -1, winner, "two racers won")
			winner = i
			continue
		}
		require.ErrorIs(t, err, commands.ErrConflict)
	}
	require.NotEqual(t, -1, winner, "nobody won")
	got, err := f.Store.Read(t.Context(), s, 0)
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, winner, got[1].Event.(Noted).N)
}

func idempotent(t *testing.T, f Fixture) {
	s, events := stream(), []domain.Proposed{Note("a", 0), Note("b", 1)}
	first, err := f.Store.Append(t.Context(), s, commands.NoStream, events)
	require.NoError(t, err)
	again, err := f.Store.Append(t.Context(), s, commands.NoStream, events)
	require.NoError(t, err)
	require.Equal(t, first, again)
	_, err = f.Store.Append(t.Context(), s, 1, []domain.Proposed{Note("c", 2)})
	require.NoError(t, err)
	_, err = f.Store.Append(t.Context(), s, commands.NoStream, events)
	require.NoError(t, err, "also when others came behind it")
	got, err := f.Store.Read(t.Context(), s, 0)
	require.NoError(t, err)
	require.Len(t, got, 3)
}

func allOrNothing(t *testing.T, f Fixture) {
	s := stream()
	bad := Note("bad", 1)
	bad.Type = "TestNobodyKnows"
	_, err := f.Store.Append(t.Context(), s, commands.NoStream, []domain.Proposed{Note("good", 0), bad})
	require.Error(t, err)
	got, err := f.Store.Read(t.Context(), s, 0)
	require.NoError(t, err)
	require.Empty(t, got)
}

func tooLarge(t *testing.T, f Fixture) {
	_, err := f.Store.Append(t.Context(), stream(), commands.NoStream, []domain.Proposed{Note(strings.Repeat("x", 2<<20), 0)})
	require.ErrorIs(t, err, commands.ErrTooLarge)
}

func positions(t *testing.T, f Fixture) {
	var last uint64
	for i := range 5 {
		a, err := f.Store.Append(t.Context(), stream(), commands.NoStream, []domain.Proposed{Note("p", i)})
		require.NoError(t, err)
		require.Greater(t, a.Position, last)
		last = a.Position
	}
}

func cancelled(t *testing.T, f Fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.Store.Append(ctx, stream(), commands.NoStream, []domain.Proposed{Note("a", 0)})
	require.ErrorIs(t, err, context.Canceled)
	_, err = f.Store.Read(ctx, stream(), 0)
	require.ErrorIs(t, err, context.Canceled)
}

// restart appends all the while from several callers. Each repeats its append until the answer is certain, as
// the idempotency key of a command lets a caller do; in the end every event is there once.
func restart(t *testing.T, f Fixture) {
	if f.Restart == nil {
		t.Skip("this store cannot be restarted")
	}
	const writers, each = 4, 15
	streams := make([]string, writers)
	var wg sync.WaitGroup
	for w := range writers {
		streams[w] = stream()
		wg.Go(func() {
			expected := commands.NoStream
			for n := range each {
				events := []domain.Proposed{Note("r", n)}
				a, err := f.Store.Append(t.Context(), streams[w], expected, events)
				for errors.Is(err, commands.ErrStoreUnavailable) {
					time.Sleep(10 * time.Millisecond)
					a, err = f.Store.Append(t.Context(), streams[w], expected, events)
				}
				if err != nil {
					t.Errorf("append: %v", err)
					return
				}
				expected = int64(a.Revision) // #nosec G115 -- a test's small numbers
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	time.Sleep(30 * time.Millisecond)
	f.Restart()
	wg.Wait()
	for _, s := range streams {
		got, err := f.Store.Read(t.Context(), s, 0)
		require.NoError(t, err)
		require.Len(t, got, each)
		for n, g := range got {
			require.Equal(t, n, g.Event.(Noted).N)
		}
	}
}
