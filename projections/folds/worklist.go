package folds

import (
	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/projections"
	"zhiping/readmodels/views"
)

// Worklist folds what waits for each organization. A declaration that waits for nobody keeps its document without
// an organization, so that the fold still knows it when it is submitted again; no query finds it then.
func Worklist() projections.Projection[views.Work] {
	keys := streamID(domain.CategoryDeclaration)
	return projections.Projection[views.Work]{View: views.Worklists, Keys: keys, ByPart: true, Apply: one(keys, foldWork)}
}

func foldWork(d *views.Work, e domain.Recorded) {
	d.Revision = e.Revision
	switch ev := e.Event.(type) {
	case declaration.Started:
		d.ID, d.Number, d.Notice, d.Applicant, d.Unit = ev.ID, ev.Number, ev.Notice, ev.Applicant, ev.Unit
	case declaration.Submitted:
		d.Unit, d.Route, d.Round, d.SubmittedAt = ev.Unit, ev.Route, ev.Round, e.At
		waitAt(d, ev.Stage, e)
	case declaration.StageApproved:
		waitAt(d, ev.Next, e)
	case declaration.Withdrawn, declaration.Returned, declaration.Terminated, declaration.Approved:
		waitAt(d, "", e)
	}
}

// waitAt moves the work to a stage of its route, or to nobody.
func waitAt(d *views.Work, stage string, e domain.Recorded) {
	d.Stage, d.Organization, d.Last = "", domain.Organization{}, false
	for i, st := range d.Route {
		if st.Key == stage {
			d.Stage, d.StageName, d.Organization, d.Last = st.Key, st.Name, st.Organization, i == len(d.Route)-1
			d.EnteredAt, d.Entered = e.At, int64(e.Position) // #nosec G115 -- positions stay below 2^63
		}
	}
}
