package folds

import (
	"zhiping/domain"
	"zhiping/domain/unit"
	"zhiping/projections"
	"zhiping/readmodels/views"
)

// Units folds every recommending unit.
func Units() projections.Projection[views.Unit] {
	keys := streamID(domain.CategoryUnit)
	return projections.Projection[views.Unit]{View: views.Units, Keys: keys, ByPartition: true, Apply: one(keys, foldUnit)}
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
