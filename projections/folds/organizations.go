package folds

import (
	"slices"

	"zhiping/domain"
	"zhiping/domain/organization"
	"zhiping/projections"
	"zhiping/readmodels/views"
)

// Organizations folds the tree of organizations with its officers.
func Organizations() projections.Projection[views.Organization] {
	keys := streamID(domain.CategoryOrganization)
	return projections.Projection[views.Organization]{View: views.Organizations, Keys: keys, ByPartition: true, Apply: one(keys, foldOrganization)}
}

func foldOrganization(d *views.Organization, e domain.Recorded) {
	d.Revision = e.Revision
	switch ev := e.Event.(type) {
	case organization.Created:
		d.ID, d.Name, d.Kind, d.Parent = ev.ID, ev.Name, ev.Kind, ev.Parent
		d.Created = int64(e.Position) // #nosec G115 -- positions stay below 2^63
	case organization.Renamed:
		d.Name = ev.Name
	case organization.Closed:
		d.Closed, d.Officers = true, nil
	case organization.Reopened:
		d.Closed = false
	case organization.OfficerGranted:
		o := views.Officer{Account: ev.Account, Role: ev.Role, GrantedAt: e.At, GrantedBy: e.Meta.Actor}
		if ev.Expires != nil {
			o.Expires = *ev.Expires
		}
		if i := slices.IndexFunc(d.Officers, func(have views.Officer) bool { return have.Account == ev.Account }); i >= 0 {
			d.Officers[i] = o
			return
		}
		d.Officers = append(d.Officers, o)
	case organization.GrantRevoked:
		d.Officers = slices.DeleteFunc(d.Officers, func(o views.Officer) bool { return o.Account == ev.Account })
	}
}
