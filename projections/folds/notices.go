package folds

import (
	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/notice"
	"zhiping/projections"
	"zhiping/readmodels/views"
)

// Notices folds every notice.
func Notices() projections.Projection[views.Notice] {
	keys := streamID(domain.CategoryNotice)
	return projections.Projection[views.Notice]{View: views.Notices, Keys: keys, ByPartition: true, Apply: one(keys, foldNotice)}
}

func foldNotice(d *views.Notice, e domain.Recorded) {
	ev, ok := e.Event.(notice.Event)
	if !ok {
		return
	}
	d.State = notice.Evolve(d.State, ev)
	d.UpdatedAt, d.Revision = e.At, e.Revision
	switch ev.(type) {
	case notice.Drafted:
		_, id := domain.SplitStream(e.Stream)
		d.ID, _ = uuid.Parse(id)      // a stream of this category always ends in a UUID: the executor names it
		d.Created = int64(e.Position) // #nosec G115 -- positions stay below 2^63
	case notice.Published:
		d.PublishedAt = e.At
	}
}
