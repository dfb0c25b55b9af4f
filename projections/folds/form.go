package folds

import (
	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/projections"
	"zhiping/readmodels/views"
)

// Form folds the declaration as its form shows it: the aggregate's own state, and when what happened.
func Form() projections.Projection[views.Form] {
	keys := streamID(domain.CategoryDeclaration)
	return projections.Projection[views.Form]{View: views.Forms, Keys: keys, Apply: one(keys, foldForm)}
}

func foldForm(d *views.Form, e domain.Recorded) {
	ev, ok := e.Event.(declaration.Event)
	if !ok {
		return
	}
	d.State = declaration.Evolve(d.State, ev)
	d.UpdatedAt, d.Revision = e.At, e.Revision
	switch ev := ev.(type) {
	case declaration.Started:
		d.StartedAt = e.At
	case declaration.Submitted:
		d.SubmittedAt, d.Return = e.At, nil
	case declaration.Returned:
		d.Return = &views.Return{Stage: ev.Stage, Organization: ev.Organization, Opinion: ev.Opinion,
			Modules: ev.Modules, At: e.At, Deadline: ev.Deadline}
	}
}
