package folds

import (
	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/projections"
	"zhiping/readmodels/views"
)

// Worklist folds what waits for each organization. A declaration that waits for no
// organization keeps its document, so that the fold still knows it when it is submitted again; no query finds it then.
func Worklist() projections.Projection[views.Work] {
	keys := streamID(domain.CategoryDeclaration)
	return projections.Projection[views.Work]{View: views.Worklists, Keys: keys, ByPartition: true, Apply: one(keys, foldWork)}
}

func foldWork(d *views.Work, e domain.Recorded) {
	ev, ok := e.Event.(declaration.Event)
	if !ok {
		return
	}
	before := d.Progress
	d.Progress, d.Revision = d.Progress.Evolve(ev), e.Revision
	switch ev := ev.(type) {
	case declaration.Started:
		d.ID, d.Number, d.Notice, d.Applicant, d.Unit = ev.ID, ev.Number, ev.Notice, ev.Applicant, ev.Unit
	case declaration.Submitted:
		d.Unit, d.Route, d.SubmittedAt = ev.Unit, ev.Route, e.At
	}
	if d.Progress != before {
		moveToStage(d, e)
	}
}

// moveToStage gives the work to the organization of its stage, or to none.
func moveToStage(d *views.Work, e domain.Recorded) {
	d.Organization, d.Last = domain.Organization{}, false
	for i, st := range d.Route {
		if st.Key == d.Stage {
			d.StageName, d.Organization, d.Last = st.Name, st.Organization, i == len(d.Route)-1
			d.EnteredAt, d.Entered = e.At, int64(e.Position) // #nosec G115 -- positions stay below 2^63
		}
	}
}
