package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"zhiping/infra/esdbserver/internal/model"
)

func verdictOf(err error) model.Verdict {
	var wrong *WrongExpectedError
	var gone *StreamDeletedError
	switch {
	case err == nil:
		return model.Accepted
	case errors.As(err, &wrong):
		return model.WrongRevision
	case errors.As(err, &gone):
		return model.Deleted
	case errors.Is(err, ErrNotFound):
		return model.NotFound
	}
	return model.Unknown
}

// machine runs the store beside the model.
type machine struct {
	dir   string
	store *Store
	model *model.Store
}

func drawStream(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "b-1", "b-2"}).Draw(t, "stream")
}

func (m *machine) drawExpected(t *rapid.T, s *model.Stream) int64 {
	return rapid.OneOf(
		rapid.SampledFrom([]int64{Any, NoStream, StreamExists, s.Last()}), rapid.Int64Range(0, 6),
	).Draw(t, "expected")
}

func (m *machine) append(t *rapid.T) {
	s := m.model.Stream(drawStream(t))
	events := make([]model.Event, rapid.IntRange(1, 4).Draw(t, "count"))
	again := -1 // repeat what is in the stream from here on
	if len(s.Events) > 0 && rapid.Bool().Draw(t, "repeat") {
		again = rapid.IntRange(0, len(s.Events)-1).Draw(t, "from")
	}
	for i := range events {
		events[i] = model.Event{ID: uuid.New(), Type: "T", Data: []byte{byte(i)}}
		if again >= 0 && again+i < len(s.Events) {
			events[i] = s.Events[again+i]
		}
	}
	m.write(t, s, m.drawExpected(t, s), events)
}

func (m *machine) describe(t *rapid.T) {
	s := m.model.Stream("$$" + drawStream(t))
	data := fmt.Appendf(nil, `{"$maxCount":%d,"$tb":%d}`,
		rapid.IntRange(0, 4).Draw(t, "max count"), rapid.IntRange(0, 8).Draw(t, "truncate before"))
	m.write(t, s, m.drawExpected(t, s), []model.Event{{ID: uuid.New(), Type: MetadataType, Data: data}})
}

func (m *machine) write(t *rapid.T, s *model.Stream, expected int64, events []model.Event) {
	proposed := make([]Proposed, len(events))
	for i, e := range events {
		proposed[i] = Proposed{ID: e.ID, Type: e.Type, JSON: e.Type == MetadataType, Data: e.Data}
	}
	want, revision := m.model.JudgeAppend(s.Name, expected, events)
	res, err := m.store.Append(t.Context(), s.Name, expected, proposed)
	switch want {
	case model.Accepted:
		m.model.Append(s.Name, events)
		fallthrough
	case model.Repeated:
		require.NoError(t, err)
		require.Equal(t, revision, res.Revision)
	default:
		require.Equal(t, want, verdictOf(err), "%v", err)
	}
}

func (m *machine) delete(t *rapid.T) { m.remove(t, m.store.Delete, false) }

func (m *machine) tombstone(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "seldom") == 0 { // else soon all streams would be gone
		m.remove(t, m.store.Tombstone, true)
	}
}

func (m *machine) remove(t *rapid.T, call func(context.Context, string, int64) (int64, error), forGood bool) {
	s := m.model.Stream(drawStream(t))
	expected := m.drawExpected(t, s)
	want := m.model.JudgeRemove(s.Name, expected, forGood)
	_, err := call(t.Context(), s.Name, expected)
	require.Equal(t, want, verdictOf(err), "%v", err)
	if want == model.Accepted {
		m.model.Remove(s.Name, forGood)
	}
}

func (m *machine) read(t *rapid.T) {
	name := rapid.SampledFrom([]string{"", "$$"}).Draw(t, "of") + drawStream(t)
	from, backwards := rapid.Int64Range(0, 12).Draw(t, "from"), rapid.Bool().Draw(t, "backwards")
	want, verdict := m.model.Read(name, from, backwards, math.MaxInt)
	var got []model.Entry
	for at := from; ; {
		p, err := m.store.ReadStream(t.Context(), name, at, backwards, Page{Limit: 2, MaxBytes: 1 << 20})
		require.Equal(t, verdict, verdictOf(err), "%v", err)
		if err != nil {
			return
		}
		got = append(got, entries(p.Events)...)
		if at = p.Next; p.Done {
			break
		}
	}
	requireEntries(t, want, got)
}

func entries(events []*Event) []model.Entry {
	out := make([]model.Entry, len(events))
	for i, e := range events {
		out[i] = model.Entry{Stream: e.Stream, Revision: e.Revision, Event: model.Event{ID: e.ID, Type: e.Type, Data: e.Data}}
	}
	return out
}

// requireEntries compares events; those that the store wrote itself have ids that the model does not know.
func requireEntries(t *rapid.T, want, got []model.Entry) {
	require.Len(t, got, len(want))
	for i, w := range want {
		if w.ID == uuid.Nil {
			w.ID = got[i].ID
		}
		require.Equal(t, fmt.Sprint(w), fmt.Sprint(got[i])) // no data and empty data are the same
	}
}

// readAll finds exactly the acknowledged events, in the order of their acknowledgement, both ways.
func (m *machine) readAll(t *rapid.T) {
	collect := func(backwards bool) (out []model.Entry) {
		at, last := int64(0), int64(0)
		if backwards {
			at, last = math.MaxInt64, math.MaxInt64
		}
		for {
			events, err := m.store.ReadAll(t.Context(), at, backwards, Page{Limit: 3, MaxBytes: 1 << 20})
			require.NoError(t, err)
			if len(events) == 0 {
				return out
			}
			for _, e := range events {
				require.True(t, e.Position > last != backwards, "positions are in order")
				at, last = e.Position, e.Position
			}
			out = append(out, entries(events)...)
			if !backwards {
				at++
			}
		}
	}
	requireEntries(t, m.model.Log, collect(false))
	back := collect(true)
	slices.Reverse(back)
	requireEntries(t, m.model.Log, back)
}

func (m *machine) restart(t *rapid.T) {
	require.NoError(t, m.store.Close())
	m.open(t)
}

func (m *machine) open(t require.TestingT) {
	s, err := Open(m.dir, Options{Readers: 1, TailBytes: 2000}) // a short tail, so that reads take both ways
	require.NoError(t, err)
	m.store = s
}

func TestStoreBehavesAsItsModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{dir: t.TempDir(), model: model.New()}
		m.open(rt)
		defer func() { require.NoError(rt, m.store.Close()) }()
		rt.Repeat(map[string]func(*rapid.T){
			"append": m.append, "append again": m.append, "append more": m.append, "delete": m.delete,
			"tombstone": m.tombstone, "describe": m.describe, "read": m.read, "read all": m.readAll, "restart": m.restart,
		})
		m.readAll(rt)
		r, err := Verify(rt.Context(), m.dir)
		require.NoError(rt, err)
		require.Empty(rt, r.Faults)
	})
}
