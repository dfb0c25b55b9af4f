package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"math"
)

const (
	selectStream = "SELECT id, last, tb, max_count, max_age, acl FROM streams"
	columns      = "position, revision, e.id, type, json, created, data, meta"
	fromStream   = "SELECT " + columns + " FROM events e WHERE stream = ? AND revision >= ? AND revision <= ? AND created >= ?"
	fromAll      = "SELECT " + columns + ", s.name FROM events e JOIN streams s ON s.id = e.stream"
)

// reader is a connection that only reads.
type reader struct {
	conn                  *conn
	stream                *stmt
	forwards, backwards   *stmt
	allForwards, allBacks *stmt
	document, documents   *stmt
}

func openReader(path string) (*reader, error) {
	c, err := openConn(path, "ro", "busy_timeout(5000)", "query_only(1)", "cache_size(-2048)")
	if err != nil {
		return nil, err
	}
	r := &reader{conn: c}
	for sql, to := range r.sources() {
		if *to, err = c.prepare(sql); err != nil {
			return nil, errors.Join(err, r.close())
		}
	}
	return r, nil
}

// sources maps each statement's SQL to where it is kept, like statements.sources.
func (r *reader) sources() map[string]**stmt {
	return map[string]**stmt{
		selectStream + " WHERE name = ?":                                              &r.stream,
		fromStream + " ORDER BY revision LIMIT ?":                                     &r.forwards,
		fromStream + " ORDER BY revision DESC LIMIT ?":                                &r.backwards,
		fromAll + " WHERE position >= ? ORDER BY position LIMIT ?":                    &r.allForwards,
		fromAll + " WHERE position < ? ORDER BY position DESC LIMIT ?":                &r.allBacks,
		"SELECT body FROM documents WHERE name = ?":                                   &r.document,
		"SELECT name, body FROM documents WHERE name >= ? AND name < ? ORDER BY name": &r.documents,
	}
}

func (r *reader) close() error {
	var errs []error
	for _, s := range []*stmt{r.stream, r.forwards, r.backwards, r.allForwards, r.allBacks, r.document, r.documents} {
		if s != nil {
			errs = append(errs, s.close())
		}
	}
	return errors.Join(append(errs, r.conn.close())...)
}

// Page bounds one read: a number of events, and bytes beyond the first event. A page that is shorter than the
// stream or the log is continued from its Next.
type Page struct {
	Limit    int
	MaxBytes int
}

// StreamPage is a part of a stream. Stream tells how the stream stood when it was read.
type StreamPage struct {
	Stream Stream
	Events []*Event
	// Next is the revision to go on from; Done tells that there was nothing more in this direction.
	Next int64
	Done bool
}

// ReadStream reads one page of a stream, from a revision on, inclusive, in either direction. Backwards, a
// revision beyond the end means the end. It answers ErrNotFound and *StreamDeletedError.
func (s *Store) ReadStream(ctx context.Context, name string, from int64, backwards bool, p Page) (StreamPage, error) {
	var out StreamPage
	err := s.withReader(ctx, func(r *reader) error {
		info, err := r.info(name)
		if err != nil {
			return err
		}
		out.Stream = info
		switch {
		case info.Tombstoned():
			return &StreamDeletedError{Stream: name}
		case info.Last < 0 || info.SoftDeleted():
			return ErrNotFound
		}
		low, high := info.First(), info.Last
		if backwards {
			high = min(high, from)
		} else {
			low = max(low, from)
		}
		out.Next = from
		return r.page(&out, low, high, backwards, p, info.expiry(ticks(s.opts.Now())))
	})
	return out, err
}

// ReadCommitted reads one page of everything that was committed to a stream from a revision on, its tombstone
// included: subscribers that are live get what is committed, even if it is truncated or deleted before they read it.
func (s *Store) ReadCommitted(ctx context.Context, name string, from int64, p Page) (StreamPage, error) {
	var out StreamPage
	err := s.withReader(ctx, func(r *reader) (err error) {
		if out.Stream, err = r.lookUp(name); err != nil {
			return err
		}
		out.Next = from
		return r.page(&out, from, out.Stream.Last, false, p, 0)
	})
	return out, err
}

func (r *reader) page(out *StreamPage, low, high int64, backwards bool, p Page, oldest int64) error {
	out.Done = true
	if low > high {
		return nil
	}
	st := r.forwards
	if backwards {
		st = r.backwards
	}
	bytes := 0
	return st.query(func(row []driver.Value) (bool, error) {
		e := scanEvent(row)
		e.Stream = out.Stream.Name
		if bytes += e.size(); len(out.Events) > 0 && bytes > p.MaxBytes || len(out.Events) == p.Limit {
			out.Done = false
			return false, nil
		}
		out.Events = append(out.Events, e)
		if backwards {
			out.Next = e.Revision - 1
		} else if out.Next = e.Revision; e.Revision < maxRevision {
			out.Next++
		}
		return true, nil
	}, out.Stream.ID, low, high, oldest, int64(p.Limit)+1)
}

// Stream tells how a stream stands. A stream that was never written has Last -1.
func (s *Store) Stream(ctx context.Context, name string) (Stream, error) {
	var out Stream
	err := s.withReader(ctx, func(r *reader) (err error) {
		out, err = r.info(name)
		return err
	})
	return out, err
}

// info tells how a stream stands for those who read it: the metadata of a tombstoned stream is gone with it.
func (r *reader) info(name string) (Stream, error) {
	s, err := r.lookUp(name)
	if err == nil && IsMetastream(name) {
		var of Stream
		if of, err = r.lookUp(name[len(metaPrefix):]); of.Tombstoned() {
			s.Last = maxRevision
		}
	}
	return s, err
}

func (r *reader) lookUp(name string) (Stream, error) {
	row, err := r.stream.one(name)
	if err != nil || row == nil {
		return Stream{Name: name, Last: NoStream}, err
	}
	return scanStream(name, row), nil
}

// ReadAll reads one page of everything: forwards from a position on, inclusive; backwards below it, exclusive.
// The log is at its end when the page is empty.
func (s *Store) ReadAll(ctx context.Context, from int64, backwards bool, p Page) ([]*Event, error) {
	if !backwards {
		if from > s.Head() {
			return nil, nil
		}
		if events, ok := s.tail.read(from, p.Limit, p.MaxBytes); ok {
			return events, nil
		}
	}
	var out []*Event
	err := s.withReader(ctx, func(r *reader) error {
		st := r.allForwards
		if backwards {
			st = r.allBacks
		}
		bytes := 0
		return st.query(func(row []driver.Value) (bool, error) {
			e := scanEvent(row)
			e.Stream = asString(row[8])
			if bytes += e.size(); len(out) > 0 && bytes > p.MaxBytes {
				return false, nil
			}
			out = append(out, e)
			return true, nil
		}, from, int64(p.Limit))
	})
	return out, err
}

// EventAt returns one event by stream and revision, as links name them, or nil when reads may not see it.
func (s *Store) EventAt(ctx context.Context, stream string, revision int64) (*Event, error) {
	page, err := s.ReadStream(ctx, stream, revision, false, Page{Limit: 1, MaxBytes: math.MaxInt})
	var deleted *StreamDeletedError
	if errors.Is(err, ErrNotFound) || errors.As(err, &deleted) {
		return nil, nil
	}
	if err != nil || len(page.Events) == 0 || page.Events[0].Revision != revision {
		return nil, err
	}
	return page.Events[0], nil
}

func scanStream(name string, row []driver.Value) Stream {
	return Stream{ID: asInt(row[0]), Name: name, Last: asInt(row[1]), Metadata: Metadata{
		TruncateBefore: asInt(row[2]), MaxCount: asInt(row[3]), MaxAge: asInt(row[4]), ACL: asBytes(row[5]),
	}}
}

func scanEvent(row []driver.Value) *Event {
	e := &Event{
		Position: asInt(row[0]), Revision: asInt(row[1]), Type: asString(row[3]), JSON: asInt(row[4]) != 0,
		Created: asInt(row[5]), Data: asBytes(row[6]), Meta: asBytes(row[7]),
	}
	copy(e.ID[:], asBytes(row[2]))
	return e
}
