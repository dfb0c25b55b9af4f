package folds

import (
	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/binding"
	"zhiping/domain/notice"
	"zhiping/domain/unit"
	"zhiping/projections"
	"zhiping/readmodels/views"
)

// Bindings folds every applicant's binding.
func Bindings() projections.Projection[views.Binding] {
	keys := streamID(domain.CategoryBinding)
	return projections.Projection[views.Binding]{View: views.Bindings, Keys: keys, ByPart: true, Apply: one(keys, foldBinding)}
}

func foldBinding(d *views.Binding, e domain.Recorded) {
	ev, ok := e.Event.(binding.Event)
	if !ok {
		return
	}
	s := binding.Evolve(binding.State{Applicant: d.Applicant, Unit: d.Unit, Status: d.Status, Opinion: d.Opinion}, ev)
	d.Applicant, d.Unit, d.Status, d.Opinion, d.Revision = s.Applicant, s.Unit, s.Status, s.Opinion, e.Revision
	if _, asked := ev.(binding.Requested); asked {
		d.RequestedAt, d.Requested = e.At, int64(e.Position) // #nosec G115 -- positions stay below 2^63
		return
	}
	d.DecidedAt = e.At
}

// Units folds every recommending unit.
func Units() projections.Projection[views.Unit] {
	keys := streamID(domain.CategoryUnit)
	return projections.Projection[views.Unit]{View: views.Units, Keys: keys, ByPart: true, Apply: one(keys, foldUnit)}
}

func foldUnit(d *views.Unit, e domain.Recorded) {
	d.Revision = e.Revision
	switch ev := e.Event.(type) {
	case unit.Registered:
		d.USCC, d.Name, d.Department, d.Status = ev.USCC, ev.Name, ev.Department, unit.StatusRegistered
		d.RegisteredAt, d.Registered = e.At, int64(e.Position) // #nosec G115 -- positions stay below 2^63
	case unit.Approved:
		d.Status, d.ApprovedAt = unit.StatusApproved, e.At
	}
}

// Notices folds every notice.
func Notices() projections.Projection[views.Notice] {
	keys := streamID(domain.CategoryNotice)
	return projections.Projection[views.Notice]{View: views.Notices, Keys: keys, ByPart: true, Apply: one(keys, foldNotice)}
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
