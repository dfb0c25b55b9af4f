package folds

import (
	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/projections"
	"zhiping/readmodels/views"
)

// History folds the rows of the 申报历史信息列表. Its view's name is stored: renaming replays.
func History() projections.Projection[views.History] {
	keys := streamID(domain.CategoryDeclaration)
	return projections.Projection[views.History]{View: views.Histories, Keys: keys, ByPartition: true, Apply: one(keys, foldHistory)}
}

func foldHistory(d *views.History, e domain.Recorded) {
	ev, ok := e.Event.(declaration.Event)
	if !ok {
		return
	}
	d.Progress, d.UpdatedAt, d.Revision = d.Progress.Evolve(ev), e.At, e.Revision
	switch ev := ev.(type) {
	case declaration.Started:
		d.ID, d.Applicant, d.Number, d.Notice, d.Unit, d.Department = ev.ID, ev.Applicant, ev.Number, ev.Notice, ev.Unit, ev.Department.ID
		d.StartedAt, d.Created = e.At, int64(e.Position) // #nosec G115 -- positions stay below 2^63
	case declaration.Submitted:
		d.SubmittedAt, d.Unit, d.Department, d.Committee = e.At, ev.Unit, ev.Department.ID, ""
		for _, st := range ev.Route {
			if st.Kind == catalog.StageCommittee {
				d.Committee = st.Organization.ID
			}
		}
	}
}
