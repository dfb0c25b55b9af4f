package projections

import (
	"errors"
	"fmt"
	"runtime/debug"

	"zhiping/domain"
	"zhiping/projections/internal/clone"
	"zhiping/readmodels"
)

// Projection folds events into the documents of one view.
type Projection[D any] struct {
	View readmodels.View[D]
	// Keys names the documents that an event touches; none if it is of no interest. It looks at the event only.
	Keys func(domain.Recorded) []string
	// Related names further documents that an event touches, from one that Keys named, as that is before the event.
	// What it answers for a document never changes, and Keys of the event that made the document named that one
	// first and then those that it leads to. Optional. A document that was followed may include events that the one it was followed from lacks, and the
	// other way round, after a crash between their commits: Apply must look at nothing behind its event.
	Related func(doc *D) []string
	// ByPartition promises that the streams whose events touch a document are all of one part, as readmodels.PartitionOf tells: one
	// stream always is. Then history can be folded one part after the other, which writes each document once.
	ByPartition bool
	// Outlined promises that Keys and Apply look at an event's place, type and metadata only. Then history is not decoded
	// for it.
	Outlined bool
	// Once promises that one event makes each document, from nothing, and none comes back to it: nothing is read then. Not
	// together with Related.
	Once bool
	// Apply changes the documents that Keys and Related named. An error, or a panic, parks them: they stay as they were
	// before the event, and later events pass them by until they are replayed.
	Apply func(docs *Docs[D], e domain.Recorded) error
}

// Fold is a Projection whatever its documents are. Only Projection implements it.
type Fold interface {
	// Spec is the view that the fold fills.
	Spec() readmodels.Spec
	keys(domain.Recorded) []string
	byPartition() bool
	outlined() bool
	once() bool
	hasRelated() bool
	related(doc any) []string // of a document, or of nil
	apply(*space, domain.Recorded) error
}

// Specs lists the views that the folds fill.
func Specs(folds []Fold) []readmodels.Spec {
	specs := make([]readmodels.Spec, len(folds))
	for i, f := range folds {
		specs[i] = f.Spec()
	}
	return specs
}

// Spec implements Fold.
func (p Projection[D]) Spec() readmodels.Spec { return p.View.Spec() }

func (p Projection[D]) keys(e domain.Recorded) []string { return p.Keys(e) }

func (p Projection[D]) byPartition() bool { return p.ByPartition }

func (p Projection[D]) outlined() bool { return p.Outlined }

func (p Projection[D]) once() bool { return p.Once && p.Related == nil }

func (p Projection[D]) hasRelated() bool { return p.Related != nil }

func (p Projection[D]) related(doc any) []string {
	if p.Related == nil || doc == nil {
		return nil
	}
	return p.Related(doc.(*D))
}

func (p Projection[D]) apply(s *space, e domain.Recorded) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return p.Apply(&Docs[D]{s}, e)
}

// Docs gives a fold the documents that one event touches. It is valid only during the Apply that got it.
type Docs[D any] struct{ space *space }

// Get returns the document, and whether there is one. It is a deep copy that the fold changes as it likes;
// getting it is enough for it to be stored, so an event that changes nothing should return before.
func (d *Docs[D]) Get(id string) (*D, bool) {
	doc, ok := d.space.get(id)
	if !ok {
		return nil, false
	}
	return doc.(*D), true
}

// GetOrNew returns the document, or a new empty one that is stored.
func (d *Docs[D]) GetOrNew(id string) *D {
	if doc, ok := d.Get(id); ok {
		return doc
	}
	doc := new(D)
	d.Put(id, doc)
	return doc
}

// Put stores a document in place of whatever has this id.
func (d *Docs[D]) Put(id string, doc *D) { d.space.put(id, doc) }

// Delete removes the document; removing what is not there does nothing.
func (d *Docs[D]) Delete(id string) { d.space.remove(id) }

// errNotNamed is what a fold is parked with when it reaches for a document that its Keys and Related did not name.
var errNotNamed = errors.New("projections: Apply touched a document that Keys and Related did not name")

// Documents folds events from nothing, in memory, and returns the documents by id: what the view must be after
// these events, however they were batched. A fold that fails is an error here. It is for tests and checks.
func Documents(f Fold, events ...domain.Recorded) (map[string]any, error) {
	s := newSpace(f, clone.Func(f.Spec().New()), nil)
	for _, e := range events {
		keys := f.keys(e)
		if len(keys) == 0 {
			continue
		}
		for _, id := range keys {
			s.ensureEntry(id)
		}
		keys = s.withRelated(keys)
		if err := s.fold(e, keys); err != nil {
			return nil, fmt.Errorf("%s: %s at %s/%d: %w", f.Spec().Name, e.Type, e.Stream, e.Revision, err)
		}
	}
	docs := map[string]any{}
	for id, entry := range s.entries {
		if entry.doc != nil {
			docs[id] = entry.doc
		}
	}
	return docs, nil
}
