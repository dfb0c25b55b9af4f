package readmodels

import (
	"context"
	"encoding/json"
	"reflect"
)

// View is a Spec whose documents have a type: what projections and queries are written against.
type View[D any] struct {
	// Name is a lower-case word; renaming replays. Version is raised whenever what the fold makes changes.
	Name    string
	Version int
	// Since is the version at which ids or documents came to mean something else, as Spec has it. What people wait for
	// had better stay readable.
	Since   int
	Indexes []Index
	// Fields extracts the indexed fields of a document: string, int64 or bool.
	Fields func(*D) map[string]any
}

// Spec is the view as a store sees it.
func (v View[D]) Spec() Spec {
	return Spec{
		Name: v.Name, Version: v.Version, Since: v.Since, Indexes: v.Indexes,
		New: func() any { return new(D) }, Type: reflect.TypeFor[*D](),
		Fields: func(doc any) map[string]any { return v.fields(doc.(*D)) },
	}
}

func (v View[D]) fields(d *D) map[string]any {
	if v.Fields == nil {
		return nil
	}
	return v.Fields(d)
}

// Raw is the view for reading alone, its documents as the JSON that is stored.
func (v View[D]) Raw() View[json.RawMessage] {
	return View[json.RawMessage]{Name: v.Name, Version: v.Version, Since: v.Since, Indexes: v.Indexes}
}

// Put makes the write that stores a document, which must not be changed afterwards.
func (v View[D]) Put(id string, position uint64, doc *D) Put {
	return Put{ID: id, Position: position, Doc: doc}
}

// Item is a typed Document. Doc is shared and must not be changed.
type Item[D any] struct {
	ID       string
	Position uint64
	Doc      *D
}

// Page is one page of a list. Next is where the next one starts, nil on the last.
type Page[D any] struct {
	Items []Item[D]
	Next  *Key
}

// Get reads one document, and whether there is one. The document is shared and must not be changed.
func (v View[D]) Get(ctx context.Context, r Reader, id string) (doc *D, position uint64, ok bool, err error) {
	docs, err := r.Get(ctx, v.Spec(), id)
	if err != nil {
		return nil, 0, false, err
	}
	d, ok := docs[id]
	if !ok {
		return nil, 0, false, nil
	}
	return d.Doc.(*D), d.Position, true, nil
}

// GetAll reads those of the documents that exist, by id.
func (v View[D]) GetAll(ctx context.Context, r Reader, ids ...string) (map[string]Item[D], error) {
	docs, err := r.Get(ctx, v.Spec(), ids...)
	if err != nil {
		return nil, err
	}
	items := make(map[string]Item[D], len(docs))
	for id, d := range docs {
		items[id] = Item[D]{ID: id, Position: d.Position, Doc: d.Doc.(*D)}
	}
	return items, nil
}

// Find reads a page. It asks for one document more than the limit to know whether another page follows.
func (v View[D]) Find(ctx context.Context, r Reader, q Query) (Page[D], error) {
	limit := q.Limit
	if limit > 0 && limit < MaxLimit {
		q.Limit++
	}
	docs, err := r.Find(ctx, v.Spec(), q)
	if err != nil {
		return Page[D]{}, err
	}
	more := len(docs) > limit || (limit == MaxLimit && len(docs) == limit)
	docs = docs[:min(len(docs), limit)]
	page := Page[D]{Items: make([]Item[D], len(docs))}
	for i, d := range docs {
		page.Items[i] = Item[D]{ID: d.ID, Position: d.Position, Doc: d.Doc.(*D)}
	}
	if more {
		last := docs[len(docs)-1]
		page.Next = &Key{Value: last.Sort, ID: last.ID}
	}
	return page, nil
}

// Count counts documents by equality; it stops at max (0: no bound).
func (v View[D]) Count(ctx context.Context, r Reader, equal map[string]any, max int) (int, error) {
	return r.Count(ctx, v.Spec(), equal, max)
}

// Key is the place of an item in a list sorted by a field, for continuing behind it.
func (v View[D]) Key(sort string, item Item[D]) Key {
	k := Key{ID: item.ID}
	if sort != "" {
		k.Value = v.fields(item.Doc)[sort]
	}
	return k
}
