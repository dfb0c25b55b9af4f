package store

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// modelStream is a stream as simply as it can be told: what was appended, and what reads may see.
type modelStream struct {
	events     []Proposed
	from       int64 // lowest revision that reads may see
	deleted    bool  // soft
	tombstoned bool
	hasMeta    bool
}

// model is the whole store, and the order in which events were acknowledged.
type model struct {
	streams map[string]*modelStream
	log     []uuid.UUID // user events only: what the store writes itself is not the model's business
}

func (m *model) stream(name string) *modelStream {
	if m.streams[name] == nil {
		m.streams[name] = &modelStream{}
	}
	return m.streams[name]
}

type verdict int

const (
	accepted verdict = iota
	repeated
	wrongRevision
	deleted
)

// judge says what an append must come to.
func (m *model) judge(s *modelStream, expected int64, events []Proposed) verdict {
	last := int64(len(s.events)) - 1
	at := func(e Proposed) int {
		// the newest with that id, as an id may have been appended more than once at different places
		for i := len(s.events) - 1; i >= 0; i-- {
			if s.events[i].ID == e.ID {
				return i
			}
		}
		return -1
	}
	switch {
	case s.tombstoned || expected == StreamExists && s.deleted:
		return deleted
	case expected == StreamExists && last < 0 && !s.hasMeta:
		return wrongRevision
	case expected == Any || expected == StreamExists:
		for i, e := range events {
			if known := at(e) >= 0; !known && i == 0 {
				return accepted
			} else if !known {
				return wrongRevision
			}
		}
		return repeated
	case expected > last:
		return wrongRevision
	case expected == last:
		return accepted
	}
	for i, e := range events {
		n := expected + 1 + int64(i)
		if n > last || s.events[n].ID != e.ID {
			if i == 0 && expected == NoStream && s.deleted {
				return accepted
			}
			return wrongRevision
		}
	}
	return repeated
}

func verdictOf(err error) verdict {
	var wrong *WrongExpectedError
	var gone *StreamDeletedError
	switch {
	case err == nil:
		return accepted
	case errors.As(err, &wrong):
		return wrongRevision
	case errors.As(err, &gone):
		return deleted
	}
	return -1
}

// machine runs the store beside the model.
type machine struct {
	t     *testing.T
	dir   string
	store *Store
	model model
}

var modelStreams = []string{"a", "b-1", "b-2"}

func (m *machine) append(t *rapid.T) {
	name := rapid.SampledFrom(modelStreams).Draw(t, "stream")
	s := m.model.stream(name)
	expected := rapid.OneOf(
		rapid.SampledFrom([]int64{Any, NoStream, StreamExists, int64(len(s.events)) - 1}), rapid.Int64Range(0, 6),
	).Draw(t, "expected")
	events := make([]Proposed, rapid.IntRange(1, 4).Draw(t, "count"))
	again := -1 // repeat what is in the stream from here on
	if len(s.events) > 0 && rapid.Bool().Draw(t, "repeat") {
		again = rapid.IntRange(0, len(s.events)-1).Draw(t, "from")
	}
	for i := range events {
		events[i] = Proposed{ID: uuid.New(), Type: "T", Data: []byte{byte(i)}}
		if again >= 0 && again+i < len(s.events) {
			events[i] = s.events[again+i]
		}
	}
	want := m.model.judge(s, expected, events)
	res, err := m.store.Append(t.Context(), name, expected, events)
	got := verdictOf(err)
	if want == repeated {
		require.Equal(t, accepted, got, "%v", err)
		return
	}
	require.Equal(t, want, got, "%v", err)
	if want != accepted {
		return
	}
	if s.deleted {
		s.deleted, s.from = false, int64(len(s.events))
	}
	for _, e := range events {
		s.events = append(s.events, e)
		m.model.log = append(m.model.log, e.ID)
	}
	require.Equal(t, int64(len(s.events))-1, res.Revision)
	require.Equal(t, m.store.Head(), res.Position)
}

func (m *machine) delete(t *rapid.T) {
	name := rapid.SampledFrom(modelStreams).Draw(t, "stream")
	s := m.model.stream(name)
	last := int64(len(s.events)) - 1
	_, err := m.store.Delete(t.Context(), name, Any)
	switch {
	case s.tombstoned:
		require.Equal(t, deleted, verdictOf(err))
	case last < 0 && !s.hasMeta:
		require.Equal(t, wrongRevision, verdictOf(err))
	default:
		require.NoError(t, err)
		s.deleted, s.hasMeta = true, true
	}
}

func (m *machine) tombstone(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "seldom") > 0 { // else soon all streams would be gone
		return
	}
	name := rapid.SampledFrom(modelStreams).Draw(t, "stream")
	s := m.model.stream(name)
	_, err := m.store.Tombstone(t.Context(), name, Any)
	if s.tombstoned {
		require.Equal(t, deleted, verdictOf(err))
		return
	}
	require.NoError(t, err)
	s.tombstoned = true
}

func (m *machine) truncate(t *rapid.T) {
	name := rapid.SampledFrom(modelStreams).Draw(t, "stream")
	s := m.model.stream(name)
	if s.deleted || s.tombstoned {
		return
	}
	keep := rapid.Int64Range(0, 8).Draw(t, "truncate before")
	data := withTruncateBefore(nil, keep)
	_, err := m.store.Append(t.Context(), metaPrefix+name, Any, []Proposed{{ID: uuid.New(), Type: MetadataType, JSON: true, Data: data}})
	require.NoError(t, err)
	s.from, s.hasMeta = keep, true
}

func (m *machine) read(t *rapid.T) {
	name := rapid.SampledFrom(modelStreams).Draw(t, "stream")
	s := m.model.stream(name)
	from := rapid.Int64Range(0, 12).Draw(t, "from")
	backwards := rapid.Bool().Draw(t, "backwards")
	var got []Proposed
	for at := from; ; {
		p, err := m.store.ReadStream(t.Context(), name, at, backwards, Page{Limit: 2, MaxBytes: 1 << 20})
		if s.tombstoned {
			require.Equal(t, deleted, verdictOf(err))
			return
		}
		if s.deleted || len(s.events) == 0 {
			require.ErrorIs(t, err, ErrNotFound)
			return
		}
		require.NoError(t, err)
		for _, e := range p.Events {
			got = append(got, Proposed{ID: e.ID, Type: e.Type, Data: e.Data})
		}
		if at = p.Next; p.Done {
			break
		}
	}
	var want []Proposed
	for n, e := range s.events {
		n := int64(n)
		if n >= s.from && (backwards && n <= from || !backwards && n >= from) {
			want = append(want, e)
		}
	}
	if backwards {
		slices.Reverse(want)
	}
	require.Equal(t, want, got)
}

// readAll finds exactly the acknowledged events, in the order of their acknowledgement, both ways.
func (m *machine) readAll(t *rapid.T) {
	collect := func(backwards bool) (out []uuid.UUID) {
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
				if e.Type == "T" {
					out = append(out, e.ID)
				}
			}
			if !backwards {
				at++
			}
		}
	}
	require.Equal(t, m.model.log, collect(false))
	back := collect(true)
	slices.Reverse(back)
	require.Equal(t, m.model.log, back)
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
		m := &machine{t: t, dir: t.TempDir(), model: model{streams: map[string]*modelStream{}}}
		m.open(rt)
		defer func() { require.NoError(rt, m.store.Close()) }()
		rt.Repeat(map[string]func(*rapid.T){
			"append": m.append, "append again": m.append, "append more": m.append, "delete": m.delete,
			"tombstone": m.tombstone, "truncate": m.truncate, "read": m.read, "read all": m.readAll, "restart": m.restart,
		})
		m.readAll(rt)
		r, err := Verify(rt.Context(), m.dir)
		require.NoError(rt, err)
		require.Empty(rt, r.Faults)
	})
}
