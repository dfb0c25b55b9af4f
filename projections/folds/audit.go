package folds

import (
	"zhiping/domain"
	"zhiping/projections"
	"zhiping/readmodels/views"
)

// Audit folds where the audit trail's entries are found: one small document an event, whatever the event holds.
func Audit() projections.Projection[views.Audit] {
	return projections.Projection[views.Audit]{
		View:     views.Audits,
		Outlined: true,
		Once:     true,
		Keys:     func(e domain.Recorded) []string { return []string{views.EntryID(e.At, e.Position)} },
		Apply: func(docs *projections.Docs[views.Audit], e domain.Recorded) error {
			docs.Put(views.EntryID(e.At, e.Position), &views.Audit{
				Position: e.Position, Stream: e.Stream, Revision: e.Revision, Type: e.Type, Actor: e.Meta.Actor, At: e.At,
			})
			return nil
		},
	}
}
