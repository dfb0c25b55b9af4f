// Package folds holds the projections themselves: pure folds from events to view documents, one file a view, named
// as in readmodels/views. It may import domain, readmodels and projections, and does no I/O.
//
// To add a view: its document and View in readmodels/views, its fold here, a line in All.
package folds

import (
	"zhiping/domain"
	"zhiping/projections"
)

// All lists every projection that a node runs.
func All() []projections.Fold {
	return []projections.Fold{
		History(), Content(), Timeline(), Worklist(),
		Bindings(), Units(), Notices(), Organizations(), Audit(), Statistics(),
	}
}

// streamID keys a document by the stream's own id, for one category.
func streamID(category string) func(domain.Recorded) []string {
	return func(e domain.Recorded) []string {
		c, id := domain.SplitStream(e.Stream)
		if c != category {
			return nil
		}
		return []string{id}
	}
}

// one makes an Apply of a fold over the one document that an event touches. Every event of a key's stream is told.
func one[D any](keys func(domain.Recorded) []string, fold func(d *D, e domain.Recorded)) func(*projections.Docs[D], domain.Recorded) error {
	return func(docs *projections.Docs[D], e domain.Recorded) error {
		for _, id := range keys(e) {
			fold(docs.GetOrNew(id), e)
		}
		return nil
	}
}
