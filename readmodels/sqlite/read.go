package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"zhiping/readmodels"
)

// getSizes are the numbers of ids that one statement looks up; the rest of a chunk repeats its last id.
var getSizes = []int{1, 8, 64, 256}

// Get implements readmodels.Reader.
func (s *Store) Get(ctx context.Context, spec readmodels.Spec, ids ...string) (map[string]readmodels.Document, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	docs := make(map[string]readmodels.Document, len(ids))
	kind := kindOf(spec)
	if ids = s.fromCache(docs, spec, kind, ids); len(ids) == 0 && len(docs) > 0 {
		return docs, nil
	}
	err := s.reading(ctx, func(c *conn) error {
		v, err := s.view(c, spec.Name, spec.Version)
		if err != nil {
			return err
		}
		turn := neverTurn
		if len(ids) == 1 {
			turn = s.docs.now()
		}
		add := func(row []driver.Value) error {
			d, err := s.document(turn, v, spec, kind, row)
			docs[d.ID] = d
			return err
		}
		if len(ids) <= getSizes[len(getSizes)-1] {
			return s.missing(c, v, getChunk(c, v, ids, add))
		}
		return s.missing(c, v, c.tx("BEGIN", func() error {
			for chunk := range slices.Chunk(ids, getSizes[len(getSizes)-1]) {
				if err := getChunk(c, v, chunk, add); err != nil {
					return err
				}
			}
			return nil
		}, c.commit))
	})
	if err != nil {
		return nil, fmt.Errorf("get from %s: %w", spec.Name, err)
	}
	return docs, nil
}

// fromCache takes what it can from the cache and answers with the other ids. Several documents are one snapshot only
// when they are read together, so that it is for single ones.
func (s *Store) fromCache(docs map[string]readmodels.Document, spec readmodels.Spec, kind reflect.Type, ids []string) []string {
	if len(ids) != 1 || kind == nil {
		return ids
	}
	s.mu.RLock()
	v := s.views[key{spec.Name, spec.Version}]
	s.mu.RUnlock()
	if v == nil {
		return ids
	}
	d, ok := s.docs.get(v, ids[0], kind)
	if !ok {
		return ids
	}
	docs[d.ID] = d
	return nil
}

// documents begins a query for document's rows, and what else is asked for. The JSON comes as a blob, which the driver
// copies into bytes that decode as they are.
func (v *view) documents(more string) string {
	return "SELECT id, position, CAST(doc AS BLOB)" + more + " FROM " + v.table()
}

// document is the document of a row (id, position, doc), decoded unless the cache has it so.
func (s *Store) document(turn uint64, v *view, spec readmodels.Spec, kind reflect.Type, row []driver.Value) (readmodels.Document, error) {
	id, _ := row[0].(string)
	position, _ := row[1].(int64)
	text, _ := row[2].([]byte)
	if kind != nil {
		if d, ok := s.docs.at(turn, v, id, uint64(position), kind); ok { // #nosec G115 -- stored positions and tokens are never negative
			return d, nil
		}
	}
	d := readmodels.Document{ID: id, Position: uint64(position), Doc: spec.New()} // #nosec G115 -- stored positions and tokens are never negative
	if raw, ok := d.Doc.(*json.RawMessage); ok {
		*raw = text
		return d, nil
	}
	if err := readmodels.DecodeDocument(text, d.Doc); err != nil {
		return d, fmt.Errorf("decode document %s of %s %d: %w", id, spec.Name, spec.Version, err)
	}
	s.docs.add(turn, v, d, len(text))
	return d, nil
}

func getChunk(c *conn, v *view, ids []string, add func([]driver.Value) error) error {
	if len(ids) == 0 {
		return nil
	}
	size := getSizes[slices.IndexFunc(getSizes, func(n int) bool { return n >= len(ids) })]
	args := make([]any, size)
	for i := range args {
		args[i] = ids[min(i, len(ids)-1)]
	}
	return c.query(context.Background(), add, v.documents("")+" WHERE id IN (?"+strings.Repeat(",?", size-1)+")", args...)
}

// missing turns the error of a table that was dropped under our feet into ErrNoView.
func (s *Store) missing(c *conn, v *view, err error) error {
	if err == nil || code(err) != codeError {
		return err
	}
	if still, lerr := loadView(c, v.key); lerr == nil && still == nil {
		return fmt.Errorf("%w: %s %d", readmodels.ErrNoView, v.name, v.version)
	}
	return err
}

const codeError = 1

// Count implements readmodels.Reader.
func (s *Store) Count(ctx context.Context, spec readmodels.Spec, equal map[string]any, limit int) (count int, err error) {
	err = s.reading(ctx, func(c *conn) error {
		v, err := s.view(c, spec.Name, spec.Version)
		if err != nil {
			return err
		}
		p, err := readmodels.PlanCount(v.indexes, equal)
		if err != nil {
			return err
		}
		sql := "SELECT count(*) FROM (SELECT 1 FROM " + v.table()
		if p.Index >= 0 {
			sql += " INDEXED BY " + v.index(p.Index)
		}
		word := " WHERE "
		var args []any
		for _, t := range p.Equal {
			sql += word + column(t.Field) + " = ?"
			word = " AND "
			args = append(args, t.Values[0])
		}
		if limit <= 0 {
			limit = -1
		}
		// A count without a bound may be long: here ctx is worth its goroutine.
		return s.missing(c, v, c.query(ctx, func(row []driver.Value) error {
			n, _ := row[0].(int64)
			count = int(n)
			return nil
		}, sql+" LIMIT ?)", append(args, int64(limit))...))
	})
	if err != nil {
		return 0, fmt.Errorf("count in %s: %w", spec.Name, err)
	}
	return count, nil
}

// Checkpoint implements readmodels.Reader.
func (s *Store) Checkpoint(ctx context.Context, name string, version int) (position uint64, ok bool, err error) {
	err = s.reading(ctx, func(c *conn) error {
		var n int64
		ok, err = c.one("SELECT position FROM checkpoints WHERE name = ? AND version = ?", []any{name, version}, &n)
		position = uint64(n) // #nosec G115 -- stored positions and tokens are never negative
		return err
	})
	return position, ok, err
}
