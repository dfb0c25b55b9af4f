package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
)

// Documents are small pieces of state beside the events, such as the settings of a persistent subscription. They
// are written through the same writer, so a document and the events that belong to it are durable together.

// PutDocument stores a document durably.
func (s *Store) PutDocument(ctx context.Context, name string, body []byte) error {
	return s.submit(ctx, len(body), func(t *tx) error { return t.putDocument(name, body) })
}

func (t *tx) putDocument(name string, body []byte) error {
	if err := t.w.sql.putDocument.exec(name, body); err != nil {
		return t.fail("write document", err)
	}
	return nil
}

// DropDocument removes a document and deletes, softly, the streams that belong to it, in one transaction.
func (s *Store) DropDocument(ctx context.Context, name string, streams ...string) error {
	return s.submit(ctx, 256, func(t *tx) error {
		if err := t.w.sql.dropDocument.exec(name); err != nil {
			return t.fail("remove document", err)
		}
		for _, stream := range streams {
			var wrong *WrongExpectedError
			var gone *StreamDeletedError
			// One that was never written, or is gone for good, has nothing to delete.
			if err := t.remove(stream, Any, false); err != nil && !errors.As(err, &wrong) && !errors.As(err, &gone) {
				return err
			}
		}
		return nil
	})
}

// Document returns a document, or nil when there is none.
func (s *Store) Document(ctx context.Context, name string) ([]byte, error) {
	var out []byte
	err := s.withReader(ctx, func(r *reader) error {
		row, err := r.document.one(name)
		if row != nil {
			out = asBytes(row[0])
		}
		return err
	})
	return out, err
}

// Documents returns all documents whose name begins with a prefix of ASCII characters, by name.
func (s *Store) Documents(ctx context.Context, prefix string) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := s.withReader(ctx, func(r *reader) error {
		return r.documents.query(func(row []driver.Value) (bool, error) {
			out[asString(row[0])] = asBytes(row[1])
			return true, nil
		}, prefix, prefix+"\x7f")
	})
	if err != nil {
		return nil, fmt.Errorf("read documents: %w", err)
	}
	return out, nil
}

// Link is a link event to write: which event it points to, by the stream it goes into.
type Link struct {
	Into     string
	Proposed Proposed
}

// publicLinks is the metadata that streams of links begin with: every account may read them, though their names are
// those of system streams (EmittedStream.SubmitWriteMetadata on the official server).
const publicLinks = `{"$acl":{"$r":"$all","$mr":"$all"}}`

// AppendLinks appends links to their streams, whatever revision those are at, and stores a document with them in
// one transaction. A projection passes its own position as the document, so that it writes each link exactly
// once. Links into tombstoned streams are left out.
func (s *Store) AppendLinks(ctx context.Context, links []Link, name string, body []byte) error {
	size := len(body)
	for i := range links {
		size += len(links[i].Proposed.Data) + len(links[i].Proposed.Meta) + 128
	}
	return s.submit(ctx, size, func(t *tx) error {
		for _, l := range links {
			if err := t.link(l); err != nil {
				return err
			}
		}
		return t.putDocument(name, body)
	})
}

func (t *tx) link(l Link) error {
	s, err := t.stream(l.Into)
	if err != nil || s.Tombstoned() {
		return err
	}
	meta, err := t.stream(metaPrefix + l.Into)
	if err != nil {
		return err
	}
	if s.Last < 0 && meta.Last < 0 {
		if err := t.setMetadata(s, meta, []byte(publicLinks)); err != nil {
			return err
		}
	}
	revive, next := s.SoftDeleted(), s.Last+1
	if err := t.add(s, l.Proposed); err != nil || !revive {
		return err
	}
	return t.revive(s, next)
}
