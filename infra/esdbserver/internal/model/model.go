// Package model tells how an event store behaves as simply as it can be told: without a file, a network or a clock. The
// tests of the store and of the server compare what they see with it. Nothing else imports it.
package model

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// Expected revisions that are not a number.
const (
	Any          int64 = -2
	NoStream     int64 = -1
	StreamExists int64 = -4
)

// Types of the events that the store gives a meaning to.
const (
	TypeMetadata  = "$metadata"
	TypeTombstone = "$streamDeleted"
)

const never = math.MaxInt64 // as $tb: soft-deleted; as a revision: a tombstone

// Event is what was appended. A nil ID is that of an event that the store wrote itself.
type Event struct {
	ID   uuid.UUID
	Type string
	Data []byte
}

// Entry is an event in its place in the log.
type Entry struct {
	Event
	Stream   string
	Revision int64
}

// Stream is all that was ever appended to a stream, and what reads may see of it.
type Stream struct {
	Name       string
	Events     []Event
	Tombstoned bool
	// Hidden is the revision below which events were unreadable at some time: who reads late may miss them.
	Hidden             int64
	truncated, maximum int64 // $tb and $maxCount
}

// Last is the newest revision, -1 for none.
func (s *Stream) Last() int64 { return int64(len(s.Events)) - 1 }

// Deleted tells that the stream is soft-deleted.
func (s *Stream) Deleted() bool { return s.truncated == never }

func (s *Stream) first() int64 {
	count := s.maximum
	if isMeta(s.Name) {
		count = 1
	}
	first := s.truncated
	if count > 0 {
		first = max(first, s.Last()-count+1)
	}
	return first
}

// Store is the whole store. Log has everything in order.
type Store struct {
	Streams map[string]*Stream
	Log     []Entry
}

// New makes an empty store.
func New() *Store { return &Store{Streams: map[string]*Stream{}} }

// Stream answers a stream, which need not have been written to.
func (m *Store) Stream(name string) *Stream {
	if m.Streams[name] == nil {
		m.Streams[name] = &Stream{Name: name}
	}
	return m.Streams[name]
}

// Verdict is what a request must come to.
type Verdict int

// The verdicts. Repeated is an append that is recognised by its ids, and answered as the first time.
const (
	Unknown Verdict = iota
	Accepted
	Repeated
	WrongRevision
	Deleted
	NotFound
)

func (v Verdict) String() string {
	return [...]string{"unknown", "accepted", "repeated", "wrong revision", "deleted", "not found"}[v]
}

func isMeta(name string) bool { return strings.HasPrefix(name, "$$") }

// gone tells that a stream, or the one whose metadata it holds, has a tombstone.
func (m *Store) gone(s *Stream) bool {
	return s.Tombstoned || isMeta(s.Name) && m.Stream(s.Name[2:]).Tombstoned
}

func (m *Store) exists(s *Stream) bool { return s.Last() >= 0 || m.Stream("$$"+s.Name).Last() >= 0 }

// JudgeAppend says what an append must come to, and the revision that it must be answered with.
func (m *Store) JudgeAppend(name string, expected int64, events []Event) (Verdict, int64) {
	s := m.Stream(name)
	fresh := s.Last() + int64(len(events))
	switch {
	case m.gone(s), expected == StreamExists && s.Deleted():
		return Deleted, 0
	case expected == StreamExists && !m.exists(s):
		return WrongRevision, 0
	case expected == Any || expected == StreamExists:
		at := int64(-1)
		for i, e := range events {
			known := s.newest(e.ID)
			if known < 0 && i == 0 {
				return Accepted, fresh
			} else if known < 0 {
				return WrongRevision, 0
			}
			at = known
		}
		return Repeated, at
	case expected > s.Last():
		return WrongRevision, 0
	case expected == s.Last():
		return Accepted, fresh
	}
	for i, e := range events {
		n := expected + 1 + int64(i)
		if n > s.Last() || s.Events[n].ID != e.ID {
			if i == 0 && expected == NoStream && s.Deleted() {
				return Accepted, fresh
			}
			return WrongRevision, 0
		}
	}
	return Repeated, expected + int64(len(events))
}

// newest is the newest revision with an id, which may be there more than once; -1 for none.
func (s *Stream) newest(id uuid.UUID) int64 {
	for n, e := range slices.Backward(s.Events) {
		if e.ID == id {
			return int64(n)
		}
	}
	return -1
}

// Append appends what JudgeAppend accepts, and all that the store writes because of it.
func (m *Store) Append(name string, events []Event) {
	s := m.Stream(name)
	revive, next := s.Deleted(), s.Last()+1
	for _, e := range events {
		m.add(s, e)
	}
	if isMeta(name) {
		s = m.Stream(name[2:])
		revive, next = s.Deleted(), s.Last()+1
		m.describe(s, events[len(events)-1].Data)
	}
	if revive {
		m.revive(s, next)
	}
}

// revive lets a soft-deleted stream be read again from a revision on; its other metadata stay.
func (m *Store) revive(s *Stream, from int64) {
	fields := map[string]json.RawMessage{}
	if meta := m.Stream("$$" + s.Name).Events; len(meta) > 0 {
		_ = json.Unmarshal(meta[len(meta)-1].Data, &fields)
	}
	fields["$tb"] = fmt.Append(nil, from)
	data, err := json.Marshal(fields)
	if err != nil {
		panic(err) // what was just decoded
	}
	m.ownMetadata(s, data)
}

func (m *Store) ownMetadata(s *Stream, data []byte) {
	m.add(m.Stream("$$"+s.Name), Event{Type: TypeMetadata, Data: data})
	m.describe(s, data)
}

func (m *Store) describe(s *Stream, metadata []byte) {
	var says struct {
		Truncated int64 `json:"$tb"`
		Maximum   int64 `json:"$maxCount"`
	}
	_ = json.Unmarshal(metadata, &says)
	s.truncated, s.maximum = says.Truncated, says.Maximum
	s.hide()
}

func (s *Stream) hide() {
	first := min(s.first(), int64(len(s.Events)))
	if s.Tombstoned {
		first = int64(len(s.Events))
	}
	s.Hidden = max(s.Hidden, first)
}

func (m *Store) add(s *Stream, e Event) {
	s.Events = append(s.Events, e)
	m.Log = append(m.Log, Entry{Event: e, Stream: s.Name, Revision: s.Last()})
	s.hide()
}

// JudgeRemove says what a deletion must come to, soft or for good.
func (m *Store) JudgeRemove(name string, expected int64, forGood bool) Verdict {
	s := m.Stream(name)
	asExpected := expected < NoStream || expected == s.Last() || expected == NoStream && s.Deleted()
	switch {
	case s.Tombstoned, expected == StreamExists && s.Deleted():
		return Deleted
	case expected == StreamExists && !m.exists(s), !asExpected, !forGood && !m.exists(s):
		return WrongRevision
	}
	return Accepted
}

// Remove does what JudgeRemove accepts.
func (m *Store) Remove(name string, forGood bool) {
	if !forGood {
		m.ownMetadata(m.Stream(name), fmt.Appendf(nil, `{"$tb":%d}`, int64(never)))
		return
	}
	s := m.Stream(name)
	s.Tombstoned = true
	s.hide()
	m.Log = append(m.Log, Entry{Event: Event{Type: TypeTombstone}, Stream: name, Revision: never})
}

// Read answers what a read of a stream must see: from a revision on, at most limit events.
func (m *Store) Read(name string, from int64, backwards bool, limit int) ([]Entry, Verdict) {
	s := m.Stream(name)
	switch {
	case m.gone(s):
		return nil, Deleted
	case s.Deleted() || s.Last() < 0:
		return nil, NotFound
	}
	var out []Entry
	for n := max(s.first(), 0); n <= s.Last(); n++ {
		if backwards && n <= from || !backwards && n >= from {
			out = append(out, Entry{Event: s.Events[n], Stream: name, Revision: n})
		}
	}
	if backwards {
		slices.Reverse(out)
	}
	return out[:min(limit, len(out))], Accepted
}

// HiddenBelow is the revision below which a late reader may have missed events of a stream: all, when it is gone.
func (m *Store) HiddenBelow(name string) int64 {
	s := m.Stream(name)
	if m.gone(s) {
		return int64(len(s.Events))
	}
	return s.Hidden
}
