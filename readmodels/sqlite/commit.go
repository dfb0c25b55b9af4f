package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"zhiping/readmodels"
)

// upsertSizes are the numbers of rows that one statement writes, largest first.
var upsertSizes = []int{32, 1}

// upsertSQL passes over rows older than what is stored.
func (v *view) upsertSQL(rows int) string {
	columns, set := "id, position", "position = excluded.position"
	for _, f := range v.fields {
		columns += ", " + column(f)
		set += ", " + column(f) + " = excluded." + column(f)
	}
	row := "(?" + strings.Repeat(",?", len(v.fields)+2) + ")"
	return "INSERT INTO " + v.table() + " (" + columns + ", doc) VALUES " + row + strings.Repeat(","+row, rows-1) +
		" ON CONFLICT (id) DO UPDATE SET " + set + ", doc = excluded.doc WHERE excluded.position >= position"
}

// Commit implements readmodels.Writer.
func (s *Store) Commit(ctx context.Context, batches ...readmodels.Batch) error {
	views := make([]*view, len(batches))
	rows := make([][]any, len(batches))
	for i, b := range batches {
		s.mu.RLock()
		v := s.views[key{b.Name, b.Version}]
		s.mu.RUnlock()
		if v == nil || v.spec.New == nil {
			return fmt.Errorf("commit: %w: %s %d is not open", readmodels.ErrNoView, b.Name, b.Version)
		}
		var err error
		if rows[i], err = v.encode(b); err != nil {
			return fmt.Errorf("commit to %s: %w", b.Name, err)
		}
		views[i] = v
	}
	err := s.lend(ctx, s.writer, func(w *conn) error {
		defer s.boundLog(w)
		return w.tx("BEGIN IMMEDIATE", func() error {
			for i, v := range views {
				if err := s.missing(w, v, v.commit(w, batches[i], rows[i])); err != nil {
					return fmt.Errorf("%s: %w", v.name, err)
				}
			}
			return nil
		}, func() error { return s.docs.commit(changed(views, batches), w.commit) })
	})
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func changed(views []*view, batches []readmodels.Batch) (keys []docKey) {
	for i, b := range batches {
		for _, puts := range [][]readmodels.Put{b.Puts, b.Deletes} {
			for _, p := range puts {
				keys = append(keys, docKey{views[i], p.ID})
			}
		}
	}
	return keys
}

// encode lays the puts out as the arguments of the upserts, before the writer is taken.
func (v *view) encode(b readmodels.Batch) ([]any, error) {
	if err := b.Validate(); err != nil {
		return nil, err
	}
	args := make([]any, 0, len(b.Puts)*(len(v.fields)+3))
	for _, p := range b.Puts {
		fields, err := v.spec.FieldValues(p.Doc)
		if err != nil {
			return nil, err
		}
		doc, err := readmodels.EncodeDocument(p.Doc)
		if err != nil {
			return nil, fmt.Errorf("encode document %s: %w", p.ID, err)
		}
		args = append(args, p.ID, int64(p.Position)) // #nosec G115 -- positions and tokens stay below 2^63
		for _, f := range v.fields {
			args = append(args, fields[f])
		}
		args = append(args, doc)
	}
	return args, nil
}

// commit writes one batch within the transaction that the connection is in.
func (v *view) commit(w *conn, b readmodels.Batch, rows []any) error {
	var position, token int64
	known, err := w.one("SELECT position, token FROM checkpoints WHERE name = ? AND version = ?",
		[]any{v.name, v.version}, &position, &token)
	if err != nil {
		return err
	}
	if b.Token < uint64(token) { // #nosec G115 -- stored positions and tokens are never negative
		return fmt.Errorf("%w: token %d after %d", readmodels.ErrFenced, b.Token, token)
	}
	if v.hasGone.Load() {
		if rows, err = v.withoutGone(w, b, rows); err != nil {
			return err
		}
	}
	if err := v.upsert(w, rows); err != nil {
		return err
	}
	for _, d := range b.Deletes {
		if err := v.remove(w, d); err != nil {
			return err
		}
	}
	if !known || uint64(position) < b.Checkpoint { // #nosec G115 -- stored positions and tokens are never negative
		position = int64(b.Checkpoint) // #nosec G115 -- positions and tokens stay below 2^63
	}
	_, err = w.exec("INSERT OR REPLACE INTO checkpoints (name, version, position, token) VALUES (?, ?, ?, ?)",
		v.name, v.version, position, int64(b.Token)) // #nosec G115 -- positions and tokens stay below 2^63
	return err
}

// updateSQL stores a document whose indexed fields stay as they are: unlike an upsert it leaves the indexes alone.
func (v *view) updateSQL() string {
	sql := "UPDATE " + v.table() + " SET position = ?2, doc = ?" + strconv.Itoa(len(v.fields)+3) + " WHERE id = ?1 AND position <= ?2"
	for i, f := range v.fields {
		sql += " AND " + column(f) + " IS ?" + strconv.Itoa(i+3)
	}
	return sql
}

// updateInPlace stores those documents that are there with the same indexed fields, and answers with the rows of the
// others. It tries as long as it mostly succeeds, and then now and again: for new documents it is a wasted look-up.
func (v *view) updateInPlace(w *conn, rows []any) ([]any, error) {
	width := len(v.fields) + 3
	rest := rows[:0]
	for row := range slices.Chunk(rows, width) {
		v.tries++
		if v.inPlace < 0 && v.tries%16 != 0 {
			rest = append(rest, row...)
			continue
		}
		n, err := w.exec(v.update, row...)
		if err != nil {
			return nil, err
		}
		if n == 1 {
			v.inPlace = min(v.inPlace+3, 64) // worth about three times what a wasted look-up costs
			continue
		}
		v.inPlace = max(v.inPlace-1, -8)
		rest = append(rest, row...)
	}
	return rest, nil
}

func (v *view) upsert(w *conn, rows []any) (err error) {
	if len(v.fields) > 0 {
		if rows, err = v.updateInPlace(w, rows); err != nil {
			return err
		}
	}
	width := len(v.fields) + 3
	for _, size := range upsertSizes {
		for len(rows) >= size*width {
			if _, err := w.exec(v.upserts[size], rows[:size*width]...); err != nil {
				return err
			}
			rows = rows[size*width:]
		}
	}
	return nil
}

// remove deletes a document and remembers at which position, so that an older put does not bring it back.
func (v *view) remove(w *conn, d readmodels.Put) error {
	if _, err := w.exec("DELETE FROM "+v.table()+" WHERE id = ? AND position <= ?", d.ID, int64(d.Position)); err != nil { // #nosec G115 -- positions and tokens stay below 2^63
		return err
	}
	v.hasGone.Store(true) // also true if this transaction fails: it only costs a look-up
	_, err := w.exec("INSERT INTO "+v.gone()+" (id, position) SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM "+v.table()+
		" WHERE id = ?1) ON CONFLICT (id) DO UPDATE SET position = max(position, excluded.position)", d.ID, int64(d.Position)) // #nosec G115 -- positions and tokens stay below 2^63
	return err
}

// withoutGone leaves out the rows of documents that were deleted at a later position, and forgets the deletions that
// a newer document overtakes.
func (v *view) withoutGone(w *conn, b readmodels.Batch, rows []any) ([]any, error) {
	width := len(v.fields) + 3
	kept := rows[:0]
	for i, p := range b.Puts {
		var position int64
		gone, err := w.one("SELECT position FROM "+v.gone()+" WHERE id = ?", []any{p.ID}, &position)
		if err != nil {
			return nil, err
		}
		if gone && uint64(position) > p.Position { // #nosec G115 -- stored positions and tokens are never negative
			continue
		}
		if gone {
			if _, err := w.exec("DELETE FROM "+v.gone()+" WHERE id = ?", p.ID); err != nil {
				return nil, err
			}
		}
		kept = append(kept, rows[i*width:(i+1)*width]...)
	}
	return kept, nil
}
