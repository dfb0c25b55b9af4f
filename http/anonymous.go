package http

import (
	"zhiping/domain/account"
	"zhiping/domain/binding"
	"zhiping/domain/declaration"
	"zhiping/domain/notice"
	"zhiping/domain/organization"
	"zhiping/domain/quota"
	"zhiping/domain/unit"
)

// anonymous is what analytics consumers see of an event: decisions, stages, types and units, never a person's name,
// form, file or opinion. An event that is not named here shows nothing; its EventType says that this is meant.
func anonymous(event any) any {
	switch e := event.(type) {
	case unit.Registered:
		return e
	case unit.Approved:
		return e
	case organization.Created, organization.Renamed, organization.Closed, organization.Reopened:
		return e
	case account.RoleGranted:
		return map[string]any{"role": e.Role, "organization": e.Organization.ID, "origin": e.Origin}
	case account.RoleRevoked:
		return map[string]any{"role": e.Role, "organization": e.Organization.ID, "origin": e.Origin}
	case binding.Requested:
		return map[string]any{"unit": e.Unit}
	case binding.Approved:
		return e
	case binding.Rejected:
		return map[string]any{"unit": e.Unit}
	case binding.Withdrawn:
		return e
	case binding.Unbound:
		return e
	case notice.Drafted:
		return e
	case notice.Revised:
		return e
	case notice.Published:
		return map[string]any{"type": e.Definition.Type, "version": e.Definition.Version}
	case notice.Extended:
		return e
	case notice.Closed:
		return e
	case quota.PlaceClaimed:
		return e
	case declaration.Started:
		return map[string]any{"id": e.ID, "notice": e.Notice, "unit": e.Unit, "department": e.Department}
	case declaration.ModuleSaved:
		return map[string]any{"module": e.Module}
	case declaration.FileAttached:
		return map[string]any{"slot": e.File.Slot, "size": e.File.Size, "type": e.File.Type}
	case declaration.FileRemoved:
		return map[string]any{"slot": e.File.Slot}
	case declaration.Submitted:
		return map[string]any{"round": e.Round, "unit": e.Unit, "department": e.Department, "route": e.Route, "stage": e.Stage}
	case declaration.Withdrawn:
		return e
	case declaration.StageApproved:
		return map[string]any{"stage": e.Stage, "organization": e.Organization, "next": e.Next}
	case declaration.Returned:
		return map[string]any{"stage": e.Stage, "organization": e.Organization, "modules": e.Modules}
	case declaration.Terminated:
		return map[string]any{"stage": e.Stage, "organization": e.Organization}
	case declaration.Approved:
		return map[string]any{"stage": e.Stage, "organization": e.Organization}
	}
	return map[string]any{}
}
