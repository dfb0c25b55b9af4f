package folds

import (
	"time"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/projections"
	"zhiping/readmodels/views"
)

// History folds the rows of the 申报历史信息列表. Its view's name is stored: renaming replays.
func History() projections.Projection[views.History] {
	keys := streamID(domain.CategoryDeclaration)
	return projections.Projection[views.History]{View: views.Histories, Keys: keys, ByPart: true, Apply: one(keys, foldHistory)}
}

func foldHistory(d *views.History, e domain.Recorded) {
	d.UpdatedAt, d.Revision = e.At, e.Revision
	if ev, ok := e.Event.(declaration.Event); ok {
		d.PassedOn = declaration.PassedOn(d.PassedOn, ev)
	}
	switch ev := e.Event.(type) {
	case declaration.Started:
		*d = views.History{ID: ev.ID, Applicant: ev.Applicant, Number: ev.Number, Notice: ev.Notice, Access: accessOf(ev), Unit: ev.Unit,
			Status: declaration.StatusDraft, StartedAt: e.At, UpdatedAt: e.At, Created: int64(e.Position), Revision: e.Revision} // #nosec G115 -- positions stay below 2^63
	case declaration.Submitted:
		d.Status, d.Stage, d.SubmittedAt, d.Unit, d.Deadline = declaration.StatusSubmitted, ev.Stage, e.At, ev.Unit, time.Time{}
		d.Access = accessSubmitted(d.Access, ev)
		d.Committee = ""
		for _, st := range ev.Route {
			if st.Kind == catalog.StageCommittee {
				d.Committee = st.Organization.ID
			}
		}
	case declaration.Withdrawn:
		d.Status, d.Stage = declaration.StatusWithdrawn, ""
	case declaration.StageApproved:
		d.Stage, d.Decided = ev.Next, true
	case declaration.Returned:
		d.Status, d.Stage, d.Decided, d.Deadline = declaration.StatusReturned, "", true, ev.Deadline
	case declaration.Terminated:
		d.Status, d.Stage, d.Decided = declaration.StatusTerminated, "", true
	case declaration.Approved:
		d.Status, d.Stage, d.Decided = declaration.StatusApproved, "", true
	}
}
