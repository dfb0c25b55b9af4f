package folds

import (
	"zhiping/domain"
	"zhiping/domain/binding"
	"zhiping/projections"
	"zhiping/readmodels/views"
)

// Bindings folds every applicant's binding.
func Bindings() projections.Projection[views.Binding] {
	keys := streamID(domain.CategoryBinding)
	return projections.Projection[views.Binding]{View: views.Bindings, Keys: keys, ByPartition: true, Apply: one(keys, foldBinding)}
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
