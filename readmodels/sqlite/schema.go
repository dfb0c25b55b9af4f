package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"zhiping/readmodels"
)

// The file's identity and the version of its own tables. A file of an older format is replaced like a damaged one.
const (
	applicationID = 0x5a50_524d // "ZPRM"
	format        = 1
)

var errFormat = errors.New("written in an older format")

const tables = `
CREATE TABLE views (name TEXT, version INTEGER, indexes TEXT NOT NULL, PRIMARY KEY (name, version)) WITHOUT ROWID;
CREATE TABLE checkpoints (name TEXT, version INTEGER, position INTEGER NOT NULL, token INTEGER NOT NULL,
	PRIMARY KEY (name, version)) WITHOUT ROWID;
CREATE TABLE live (name TEXT PRIMARY KEY, version INTEGER NOT NULL, token INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE leases (name TEXT PRIMARY KEY, owner TEXT NOT NULL, token INTEGER NOT NULL) WITHOUT ROWID;
`

// prepareFile makes the store's own tables in a fresh file and checks whose an existing one is. Leases of an earlier
// process are void: this one has the lock.
func (s *Store) prepareFile(w *conn) error {
	var id, version, objects int64
	if _, err := w.one("PRAGMA application_id", nil, &id); err != nil {
		return err
	}
	if _, err := w.one("PRAGMA user_version", nil, &version); err != nil {
		return err
	}
	if _, err := w.one("SELECT count(*) FROM sqlite_schema", nil, &objects); err != nil {
		return err
	}
	switch {
	case id == 0 && version == 0 && objects == 0:
		return w.tx("BEGIN IMMEDIATE", func() error {
			for _, sql := range append(strings.Split(strings.TrimSpace(tables), ";\n"),
				fmt.Sprintf("PRAGMA application_id=%d", applicationID), fmt.Sprintf("PRAGMA user_version=%d", format)) {
				if _, err := w.exec(sql); err != nil {
					return err
				}
			}
			return nil
		}, w.commit)
	case id != applicationID:
		return ErrForeign
	case version != format:
		return errFormat
	}
	_, err := w.exec("UPDATE leases SET owner = ''")
	return err
}

// view is a version of a view as the file has it.
type view struct {
	key
	spec    readmodels.Spec // zero if this process has not opened it: then it can be read only
	indexes []readmodels.Index
	fields  []string // the columns, beside id, position and doc
	upserts map[int]string
	update  string
	// Whether updating in place is worth a try, by experience; guarded by having the writer.
	inPlace, tries int
	hasGone        atomic.Bool // whether any document was ever deleted; may be true without need
}

func newView(k key, indexes []readmodels.Index) *view {
	v := &view{key: k, indexes: indexes, upserts: map[int]string{}}
	v.fields = readmodels.Spec{Indexes: indexes}.IndexedFields()
	v.hasGone.Store(true)
	return v.withFields(v.fields)
}

// Names need no quoting: Spec.Validate allows only letters, digits and underscores.
func (v *view) table() string      { return fmt.Sprintf("view_%s_%d", v.name, v.version) }
func (v *view) gone() string       { return fmt.Sprintf("gone_%s_%d", v.name, v.version) }
func column(field string) string   { return "f_" + field }
func (v *view) index(i int) string { return v.indexName(v.indexes[i]) }
func (v *view) indexName(x readmodels.Index) string {
	return v.table() + "_by_" + strings.Join(x.Fields, "_")
}

// Open implements readmodels.Store.
func (s *Store) Open(ctx context.Context, specs ...readmodels.Spec) error {
	for _, spec := range specs {
		if err := spec.Validate(); err != nil {
			return err
		}
	}
	opened := make([]*view, len(specs))
	err := s.writing(ctx, func(w *conn) error {
		for i, spec := range specs {
			var err error
			if opened[i], err = openView(w, spec); err != nil {
				return fmt.Errorf("open view %s %d: %w", spec.Name, spec.Version, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range opened {
		s.views[v.key] = v
	}
	return nil
}

func openView(w *conn, spec readmodels.Spec) (*view, error) {
	k := key{spec.Name, spec.Version}
	old, err := loadView(w, k)
	if err != nil {
		return nil, err
	}
	v := newView(k, spec.Indexes)
	v.spec = spec
	if old == nil {
		sql := "CREATE TABLE " + v.table() + " (rid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, position INTEGER NOT NULL"
		for _, f := range v.fields {
			sql += ", " + column(f)
		}
		if _, err := w.exec(sql + ", doc TEXT NOT NULL)"); err != nil {
			return nil, err
		}
		if _, err := w.exec("CREATE TABLE " + v.gone() + " (id TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID"); err != nil {
			return nil, err
		}
		old = newView(k, nil)
		v.hasGone.Store(false)
	} else {
		for _, f := range v.fields {
			if !slices.Contains(old.fields, f) {
				return nil, fmt.Errorf("%w: field %s is newly indexed; raise the version", readmodels.ErrQuery, f)
			}
		}
		v = v.withFields(old.fields)
		var some int64
		if _, err := w.one("SELECT EXISTS (SELECT 1 FROM "+v.gone()+")", nil, &some); err != nil {
			return nil, err
		}
		v.hasGone.Store(some != 0)
	}
	return v, v.syncIndexes(w, old)
}

// withFields keeps the columns that a version has had since it was created, declared or not.
func (v *view) withFields(fields []string) *view {
	v.fields = fields
	v.update = v.updateSQL()
	for _, rows := range upsertSizes {
		v.upserts[rows] = v.upsertSQL(rows)
	}
	return v
}

// stored is what the views table keeps of a view.
type stored struct {
	Fields  []string   `json:"fields"`
	Indexes [][]string `json:"indexes"`
}

func (v *view) syncIndexes(w *conn, old *view) error {
	has := func(in []readmodels.Index, name string) bool {
		return slices.ContainsFunc(in, func(x readmodels.Index) bool { return v.indexName(x) == name })
	}
	for _, x := range old.indexes {
		if name := v.indexName(x); !has(v.indexes, name) {
			if _, err := w.exec("DROP INDEX " + name); err != nil {
				return err
			}
		}
	}
	keep := stored{Fields: v.fields, Indexes: [][]string{}}
	for _, x := range v.indexes {
		keep.Indexes = append(keep.Indexes, x.Fields)
		name := v.indexName(x)
		if has(old.indexes, name) {
			continue
		}
		sql := "CREATE INDEX " + name + " ON " + v.table() + " ("
		for _, f := range x.Fields {
			sql += column(f) + ", "
		}
		if _, err := w.exec(sql + "id)"); err != nil {
			return err
		}
	}
	text, err := json.Marshal(keep)
	if err != nil {
		return err
	}
	_, err = w.exec("INSERT OR REPLACE INTO views (name, version, indexes) VALUES (?, ?, ?)", v.name, v.version, string(text))
	return err
}

func loadView(c *conn, k key) (*view, error) {
	var text string
	ok, err := c.one("SELECT indexes FROM views WHERE name = ? AND version = ?", []any{k.name, k.version}, &text)
	if err != nil || !ok {
		return nil, err
	}
	var kept stored
	if err := json.Unmarshal([]byte(text), &kept); err != nil {
		return nil, fmt.Errorf("stored declaration: %w", err)
	}
	indexes := make([]readmodels.Index, len(kept.Indexes))
	for i, fields := range kept.Indexes {
		indexes[i].Fields = fields
	}
	return newView(k, indexes).withFields(kept.Fields), nil
}

// view finds a version of a view, one that an earlier process opened too.
func (s *Store) view(c *conn, name string, version int) (*view, error) {
	k := key{name, version}
	s.mu.RLock()
	v := s.views[k]
	s.mu.RUnlock()
	if v != nil {
		return v, nil
	}
	v, err := loadView(c, k)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, fmt.Errorf("%w: %s %d", readmodels.ErrNoView, name, version)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if opened := s.views[k]; opened != nil {
		return opened, nil
	}
	s.views[k] = v
	return v, nil
}
