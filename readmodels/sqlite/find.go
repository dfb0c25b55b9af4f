package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"zhiping/readmodels"
)

// Find implements readmodels.Reader.
func (s *Store) Find(ctx context.Context, spec readmodels.Spec, q readmodels.Query) (docs []readmodels.Document, err error) {
	err = s.reading(ctx, func(c *conn) error {
		v, err := s.view(c, spec.Name, spec.Version)
		if err != nil {
			return err
		}
		p, err := readmodels.PlanFind(v.indexes, q)
		if err != nil {
			return err
		}
		docs, err = s.find(c, v, spec, p)
		return s.missing(c, v, err)
	})
	if err != nil {
		return nil, fmt.Errorf("find in %s: %w", spec.Name, err)
	}
	return docs, nil
}

func (s *Store) find(c *conn, v *view, spec readmodels.Spec, p readmodels.Plan) ([]readmodels.Document, error) {
	all, kind, turn := p.Combinations(), kindOf(spec), s.docs.now()
	if len(all) != 1 {
		return merge(c, v, p, all, func(row []driver.Value) (readmodels.Document, error) {
			return s.document(turn, v, spec, kind, row)
		})
	}
	if kind != nil {
		docs, err := s.remembered(c, v, kind, p, all[0], turn)
		if !errors.Is(err, errNotCached) {
			return docs, err
		}
	}
	docs := make([]readmodels.Document, 0, min(p.Limit, 64))
	sql, args := v.findSQL(v.documents(", "+v.sort(p)), p, all[0])
	err := c.query(context.Background(), func(row []driver.Value) error {
		d, err := s.document(turn, v, spec, kind, row)
		d.Sort = sortValue(p, row[3])
		docs = append(docs, d)
		return err
	}, sql, args...)
	return docs, err
}

var errNotCached = errors.New("a document is not cached")

// remembered answers a query from the index and the cache alone: most of what a list costs is getting at the rows. It
// gives up with errNotCached at the first document that is not cached. All are of one snapshot, that of the turn: a
// commit that the walk saw would have ended it.
func (s *Store) remembered(c *conn, v *view, kind reflect.Type, p readmodels.Plan, values []any, turn uint64) ([]readmodels.Document, error) {
	var docs []readmodels.Document
	sql, args := v.findSQL("SELECT id, "+v.sort(p)+" FROM "+v.table(), p, values)
	err := c.query(context.Background(), func(row []driver.Value) error {
		id, _ := row[0].(string)
		d, ok := s.docs.during(turn, v, id, kind)
		if !ok {
			return errNotCached
		}
		d.Sort = sortValue(p, row[1])
		docs = append(docs, d)
		return nil
	}, sql, args...)
	return docs, err
}

// merge answers a query with several values for a field: each combination is a walk of its own along the index,
// the places found are put in order, and only the documents of the first Limit are read.
func merge(c *conn, v *view, p readmodels.Plan, all [][]any,
	document func([]driver.Value) (readmodels.Document, error),
) (docs []readmodels.Document, err error) {
	var places []readmodels.Key
	err = c.tx("BEGIN", func() error {
		for _, values := range all {
			sql, args := v.findSQL("SELECT id, "+v.sort(p)+" FROM "+v.table(), p, values)
			if err := c.query(context.Background(), func(row []driver.Value) error {
				id, _ := row[0].(string)
				places = append(places, readmodels.Key{ID: id, Value: sortValue(p, row[1])})
				return nil
			}, sql, args...); err != nil {
				return err
			}
		}
		slices.SortFunc(places, func(a, b readmodels.Key) int {
			if p.Desc {
				a, b = b, a
			}
			return readmodels.CompareKeys(a, b)
		})
		ids := make([]string, min(len(places), p.Limit))
		for i := range ids {
			ids[i] = places[i].ID
		}
		byID := make(map[string]readmodels.Document, len(ids))
		for chunk := range slices.Chunk(ids, getSizes[len(getSizes)-1]) {
			if err := getChunk(c, v, chunk, func(row []driver.Value) error {
				d, err := document(row)
				byID[d.ID] = d
				return err
			}); err != nil {
				return err
			}
		}
		docs = make([]readmodels.Document, len(ids))
		for i, id := range ids {
			docs[i] = byID[id]
			docs[i].Sort = places[i].Value
		}
		return nil
	}, c.commit)
	return docs, err
}

// sort is the column to sort by.
func (v *view) sort(p readmodels.Plan) string {
	if p.Sort == "" {
		return "id"
	}
	return column(p.Sort)
}

// sortValue is the sort column's value as the field has it.
func sortValue(p readmodels.Plan, v driver.Value) any {
	if p.Sort == "" {
		return nil
	}
	if b, ok := v.(float64); ok {
		return b != 0
	}
	return v
}

// findSQL is a walk along one index for one combination of values. INDEXED BY makes SQLite refuse any other plan.
func (v *view) findSQL(sql string, p readmodels.Plan, values []any) (string, []any) {
	var b strings.Builder
	b.WriteString(sql)
	if p.Index >= 0 {
		b.WriteString(" INDEXED BY " + v.index(p.Index))
	}
	sort, order := v.sort(p), "id"
	if p.Sort != "" {
		order = sort + ", id"
	}
	args := append(make([]any, 0, len(values)+5), values...)
	word := " WHERE "
	where := func(s string, vs ...any) {
		b.WriteString(word + s)
		word = " AND "
		args = append(args, vs...)
	}
	for _, t := range p.Equal {
		where(column(t.Field) + " = ?")
	}
	edge := func(e *readmodels.Edge, op string) {
		switch {
		case e == nil:
		case !e.Beyond:
			where(sort+" "+op+"= ?", e.Value)
		case p.Sort == "":
			where("id "+op+" ?", e.ID)
		default:
			where("("+order+") "+op+" (?, ?)", e.Value, e.ID)
		}
	}
	if p.Low == nil && p.Sort != "" {
		where(sort + " >= -9e999") // that is, not NULL, in a form that bounds the walk
	}
	edge(p.Low, ">")
	edge(p.High, "<")
	if p.Desc {
		order = strings.ReplaceAll(order, ",", " DESC,") + " DESC"
	}
	b.WriteString(" ORDER BY " + order + " LIMIT ?")
	return b.String(), append(args, int64(p.Limit))
}
