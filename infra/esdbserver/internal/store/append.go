package store

import (
	"context"

	"github.com/google/uuid"
)

// Append writes all events to a stream, or none, and returns when they are durable. expected is a revision, or
// Any, NoStream or StreamExists. Events that are recognised by their ids as appended before, in full and in
// place, are answered as the first time. It answers *WrongExpectedError, *StreamDeletedError, ErrUnavailable or
// the context's error; after the last two the outcome is unknown, and repeating the append is safe.
//
// The store keeps the byte slices: the caller must not change them afterwards.
func (s *Store) Append(ctx context.Context, stream string, expected int64, events []Proposed) (Result, error) {
	wait, err := s.BeginAppend(ctx, stream, expected, events)
	if err != nil {
		return Result{}, err
	}
	return wait()
}

// BeginAppend is Append in two steps: when it returns, the append has its place in line, and the function that it
// returns waits for the outcome. So one caller can have many appends under way and still in order.
func (s *Store) BeginAppend(ctx context.Context, stream string, expected int64, events []Proposed) (func() (Result, error), error) {
	size := 0
	for i := range events {
		size += len(events[i].Data) + len(events[i].Meta) + 128
	}
	// The writer fills in res before it answers; a caller that gives up earlier must not look at it.
	var res Result
	o, err := s.enqueue(ctx, size, func(t *tx) (err error) {
		res, err = t.append(stream, expected, events)
		return err
	})
	if err != nil {
		return nil, err
	}
	return func() (Result, error) {
		if err := s.wait(o); err != nil {
			return Result{}, err
		}
		return res, nil
	}, nil
}

func (t *tx) append(name string, expected int64, events []Proposed) (Result, error) {
	s, err := t.stream(name)
	if err != nil {
		return Result{}, err
	}
	known, err := t.check(s, expected, events)
	if err != nil || known != nil {
		return deref(known), err
	}
	if len(events) == 0 {
		return Result{Revision: s.Last, Position: t.position}, nil
	}
	revive, next := s.SoftDeleted(), s.Last+1
	for _, e := range events {
		if err := t.add(s, e); err != nil {
			return Result{}, err
		}
	}
	res := Result{Revision: s.Last, Position: t.position}
	if revive {
		err = t.revive(s, next)
	} else if IsMetastream(name) {
		err = t.describe(name[len(metaPrefix):], events[len(events)-1])
	}
	return res, err
}

func deref(r *Result) Result {
	if r == nil {
		return Result{}
	}
	return *r
}

// check decides about an expected revision. It answers a result when the append has happened before, an error
// when it is refused, and neither when it may go on.
//
//	tombstoned, or metadata of such a stream → StreamDeletedError, whatever is expected
//	StreamExists, soft-deleted              → StreamDeletedError
//	StreamExists, neither events nor metadata → wrong
//	Any or StreamExists, all ids known      → as the first time; some known after the first → wrong
//	a revision below the current one        → as the first time if exactly these events follow it, else wrong;
//	                                          but NoStream may recreate a soft-deleted stream
//	a revision above the current one        → wrong
func (t *tx) check(s *Stream, expected int64, events []Proposed) (*Result, error) {
	wrong := &WrongExpectedError{Stream: s.Name, Expected: expected, Current: s.Last}
	gone := s.Tombstoned()
	if IsMetastream(s.Name) {
		of, err := t.stream(s.Name[len(metaPrefix):])
		if err != nil {
			return nil, err
		}
		gone = gone || of.Tombstoned()
	}
	switch {
	case gone:
		return nil, &StreamDeletedError{Stream: s.Name}
	case expected == StreamExists && s.SoftDeleted():
		return nil, &StreamDeletedError{Stream: s.Name}
	case expected == StreamExists && s.Last < 0:
		meta, err := t.stream(metaPrefix + s.Name)
		if err != nil {
			return nil, err
		}
		if meta.Last < 0 {
			return nil, wrong
		}
		return nil, nil
	case expected == Any || expected == StreamExists:
		return t.repeatedAnywhere(s, events, wrong)
	case expected < NoStream:
		return nil, wrong
	case expected < s.Last:
		return t.repeatedAt(s, expected, events, wrong)
	case expected > s.Last:
		return nil, wrong
	}
	return nil, nil
}

func (t *tx) repeatedAnywhere(s *Stream, events []Proposed, wrong error) (*Result, error) {
	if s.Last < 0 || len(events) == 0 {
		return nil, nil
	}
	var res Result
	for i := range events {
		row, err := t.w.sql.byID.one(s.ID, events[i].ID[:])
		switch {
		case err != nil:
			return nil, t.fail("look up event id", err)
		case row == nil && i == 0:
			return nil, nil
		case row == nil:
			return nil, wrong
		}
		res = Result{Revision: asInt(row[0]), Position: asInt(row[1])}
	}
	return &res, nil
}

func (t *tx) repeatedAt(s *Stream, expected int64, events []Proposed, wrong error) (*Result, error) {
	if len(events) == 0 {
		return nil, wrong
	}
	var res Result
	for i := range events {
		revision := expected + 1 + int64(i)
		row, err := t.w.sql.byRevision.one(s.ID, revision)
		if err != nil {
			return nil, t.fail("look up revision", err)
		}
		if row == nil || string(asBytes(row[0])) != string(events[i].ID[:]) {
			if i == 0 && expected == NoStream && s.SoftDeleted() {
				return nil, nil
			}
			return nil, wrong
		}
		res = Result{Revision: revision, Position: asInt(row[1])}
	}
	return &res, nil
}

// revive makes a soft-deleted stream readable again from a revision on. What else its metadata says stays.
func (t *tx) revive(s *Stream, from int64) error {
	meta, err := t.stream(metaPrefix + s.Name)
	if err != nil {
		return err
	}
	var data []byte
	if meta.Last >= 0 {
		row, err := t.w.sql.lastInMeta.one(meta.ID, meta.Last)
		if err != nil {
			return t.fail("read metadata", err)
		}
		if row != nil {
			data = asBytes(row[0])
		}
	}
	return t.setMetadata(s, meta, withTruncateBefore(data, from))
}

// setMetadata writes a metadata event of our own.
func (t *tx) setMetadata(s, meta *Stream, data []byte) error {
	e := Proposed{ID: uuid.New(), Type: MetadataType, JSON: true, Data: data}
	if err := t.add(meta, e); err != nil {
		return err
	}
	t.change(s)
	s.Metadata = parseMetadata(data)
	return nil
}

// describe takes over what a metadata event that a client has written says. Metadata written to a soft-deleted
// stream brings the stream back, as an append does.
func (t *tx) describe(name string, e Proposed) error {
	s, err := t.stream(name)
	if err != nil {
		return err
	}
	wasDeleted := s.SoftDeleted()
	t.change(s)
	if s.Metadata = (Metadata{}); e.JSON {
		s.Metadata = parseMetadata(e.Data)
	}
	if wasDeleted {
		return t.revive(s, s.Last+1)
	}
	return nil
}
