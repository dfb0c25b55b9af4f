package store

import (
	"context"
	"strings"

	"github.com/google/uuid"
)

// softDeleted is the metadata of a deleted stream. It replaces all other metadata, as on the official server.
const softDeleted = `{"$tb":9223372036854775807}`

// Delete hides a stream's events; a later append continues its numbering. It answers the position of the write,
// and the errors of Append.
func (s *Store) Delete(ctx context.Context, stream string, expected int64) (int64, error) {
	return s.remove(ctx, stream, expected, false)
}

// Tombstone deletes a stream for good: it can never be read or written again.
func (s *Store) Tombstone(ctx context.Context, stream string, expected int64) (int64, error) {
	return s.remove(ctx, stream, expected, true)
}

func (s *Store) remove(ctx context.Context, stream string, expected int64, hard bool) (int64, error) {
	var position int64
	err := s.submit(ctx, 256, func(t *tx) error {
		err := t.remove(stream, expected, hard)
		position = t.position
		return err
	})
	if err != nil {
		return 0, err
	}
	return position, nil
}

func (t *tx) remove(name string, expected int64, hard bool) error {
	s, err := t.stream(name)
	if err != nil {
		return err
	}
	// A deletion is judged as an event that nobody has seen before, so it is never taken for a repetition.
	tombstone := Proposed{ID: uuid.New(), Type: TombstoneType}
	if _, err := t.check(s, expected, []Proposed{tombstone}); err != nil {
		return err
	}
	if hard {
		return t.add(s, tombstone)
	}
	meta, err := t.stream(metaPrefix + name)
	if err != nil {
		return err
	}
	if s.Last < 0 && meta.Last < 0 {
		return &WrongExpectedError{Stream: name, Expected: expected, Current: s.Last}
	}
	return t.setMetadata(s, meta, []byte(softDeleted))
}

// Deletes tells which stream an event deletes, softly or for good.
func Deletes(e *Event) (string, bool) {
	switch {
	case e.Type == TombstoneType && e.Revision == maxRevision:
		return e.Stream, true
	case e.Type == MetadataType && IsMetastream(e.Stream) && parseMetadata(e.Data).TruncateBefore == maxRevision:
		return strings.TrimPrefix(e.Stream, metaPrefix), true
	}
	return "", false
}
