package store

import "fmt"

// tx is the transaction of one batch. Only the writer's goroutine uses it.
type tx struct {
	w        *writer
	position int64
	created  int64
	events   []*Event
	dirty    map[*Stream]bool // true: not in the file yet
	bytes    int
	failed   error
}

func newTx(w *writer) *tx {
	t := &tx{w: w, position: w.position, dirty: map[*Stream]bool{}}
	t.created = max(ticks(w.s.opts.Now()), w.created)
	return t
}

// fail records an error of the file. It condemns the whole batch.
func (t *tx) fail(what string, err error) error {
	t.failed = fmt.Errorf("%s: %w", what, err)
	return t.failed
}

// stream looks a stream up. One that is not known yet has no ID and Last -1.
func (t *tx) stream(name string) (*Stream, error) {
	if s, ok := t.w.cache.Get(name); ok {
		return s, nil
	}
	row, err := t.w.sql.stream.one(name)
	if err != nil {
		return nil, t.fail("look up stream", err)
	}
	s := &Stream{Name: name, Last: NoStream}
	if row != nil {
		*s = scanStream(name, row)
	}
	t.w.cache.Add(name, s)
	return s, nil
}

// change marks a stream as changed, and gives it its id when it is new.
func (t *tx) change(s *Stream) {
	if s.ID == 0 {
		t.w.streamID++
		s.ID = t.w.streamID
		t.dirty[s] = true
	} else if _, known := t.dirty[s]; !known {
		t.dirty[s] = false
	}
}

// flush writes the streams that the batch has changed, once each however many appends it had.
func (t *tx) flush() error {
	for s, isNew := range t.dirty {
		var acl any
		if s.ACL != nil {
			acl = s.ACL
		}
		var err error
		if isNew {
			err = t.w.sql.insertStream.exec(s.ID, s.Name, s.Last, s.TruncateBefore, s.MaxCount, s.MaxAge, acl)
		} else {
			err = t.w.sql.updateStream.exec(s.Last, s.TruncateBefore, s.MaxCount, s.MaxAge, acl, s.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add stores one event as the stream's next, or as its tombstone.
func (t *tx) add(s *Stream, p Proposed) error {
	t.change(s)
	revision := s.Last + 1
	if p.Type == TombstoneType {
		revision = maxRevision
	}
	t.position++
	e := &Event{
		Position: t.position, Stream: s.Name, Revision: revision, ID: p.ID, Type: p.Type, JSON: p.JSON,
		Created: t.created, Data: p.Data, Meta: p.Meta,
	}
	isJSON := int64(0)
	if p.JSON {
		isJSON = 1
	}
	err := t.w.sql.insert.exec(e.Position, s.ID, revision, e.ID[:], e.Type, isJSON, e.Created, e.Data, e.Meta)
	if err != nil {
		return t.fail("insert event", err)
	}
	s.Last = revision
	t.events = append(t.events, e)
	t.bytes += e.size() + 4096 // each insert dirties about a page of an index besides
	return nil
}
