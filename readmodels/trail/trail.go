// Package trail makes the audit trail of a stream from its events alone: who did what when, and which values that
// changed. It is pure: the audit view only says where entries are found, and what an entry shows is never stored a
// second time.
package trail

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/domain/binding"
	"zhiping/domain/declaration"
	"zhiping/domain/notice"
	"zhiping/domain/organization"
	"zhiping/domain/quota"
	"zhiping/domain/text"
	"zhiping/domain/unit"
	"zhiping/readmodels/views"
)

// Change is one value that an event changed. Path is a JSON pointer into the stream's state; before or after is absent
// where the value was added or taken away.
type Change struct {
	Path   string          `json:"path"`
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// Entry is one event as the audit trail shows it.
type Entry struct {
	Position       uint64
	Stream         string
	StreamRevision uint64
	EventID        uuid.UUID
	Type           string
	At             time.Time
	Actor          views.Actor
	IP             string
	CorrelationID  string
	CausationID    string
	Command        string
	Summary        text.Text
	Changes        []Change
}

// Of makes the entries of a stream from all its events, the first one on, in order.
func Of(events []domain.Recorded) ([]Entry, error) {
	entries := make([]Entry, len(events))
	before := map[string]json.RawMessage{}
	var progress declaration.Progress
	for i, e := range events {
		if ev, ok := e.Event.(declaration.Event); ok {
			progress = progress.Evolve(ev)
		}
		after, err := values(e.Event, progress)
		if err != nil {
			return nil, err
		}
		entries[i] = entryOf(e)
		entries[i].Changes = changes(before, after)
		lay(before, after)
	}
	return entries, nil
}

// entryOf is the entry of an event, without its changes.
func entryOf(e domain.Recorded) Entry {
	return Entry{
		Position: e.Position, Stream: e.Stream, StreamRevision: e.Revision, EventID: e.ID, Type: e.Type, At: e.At,
		Actor: views.ActorOf(e), IP: e.Meta.IP, CorrelationID: e.Meta.CorrelationID, CausationID: e.Meta.CausationID,
		Command: e.Meta.Command, Summary: summary(e),
	}
}

// summary is the sentence that says what happened.
func summary(e domain.Recorded) text.Text {
	args := text.Args{}
	switch ev := e.Event.(type) {
	case unit.Registered:
		args["unit"] = ev.Name
	case organization.Created:
		args["name"] = ev.Name
	case organization.Renamed:
		args["name"] = ev.Name
	case account.RoleGranted:
		args["role"], args["origin"] = roleName(ev.Role), text.Of("origin."+string(ev.Origin), nil)
	case account.RoleRevoked:
		args["role"], args["origin"] = roleName(ev.Role), text.Of("origin."+string(ev.Origin), nil)
	case binding.Requested:
		args["unit"] = ev.Unit.Name
	case quota.PlaceClaimed:
		args["unit"] = ev.Unit.Name
	case binding.Rejected:
		args["opinion"] = ev.Opinion
	case notice.Drafted:
		args["title"] = ev.Content.Title
	case declaration.Started:
		args["title"] = ev.Notice.Title
	case declaration.ModuleSaved:
		args["module"] = ev.Module
	case declaration.FileAttached:
		args["name"] = ev.File.Name
	case declaration.FileRemoved:
		args["name"] = ev.File.Name
	case declaration.Submitted:
		args["round"], args["unit"] = ev.Round, ev.Unit.Name
	case declaration.StageApproved:
		args["organization"] = ev.Organization.Name
	case declaration.Returned:
		args["organization"], args["opinion"] = ev.Organization.Name, ev.Opinion
	case declaration.Terminated:
		args["organization"], args["opinion"] = ev.Organization.Name, ev.Opinion
	case declaration.Approved:
		args["organization"] = ev.Organization.Name
	}
	return text.Of("event."+e.Type, args)
}

// values are the parts of a stream's state that an event sets, by path; nil takes the part away.
func values(event any, p declaration.Progress) (map[string]json.RawMessage, error) {
	set := map[string]any{}
	switch ev := event.(type) {
	case unit.Registered:
		set["/name"], set["/department"], set["/status"] = ev.Name, ev.Department, unit.StatusRegistered
	case unit.Approved:
		set["/status"] = unit.StatusApproved
	case binding.Requested:
		set["/unit"], set["/status"] = ev.Unit, binding.StatusPending
	case binding.Approved:
		set["/status"] = binding.StatusBound
	case binding.Rejected, binding.Withdrawn, binding.Unbound:
		set["/unit"], set["/status"] = nil, nil
	case notice.Drafted:
		set["/content"], set["/status"] = ev.Content, notice.StatusDraft
	case notice.Revised:
		set["/content"] = ev.Content
	case notice.Published:
		set["/definition"] = map[string]any{"type": ev.Definition.Type, "version": ev.Definition.Version}
		set["/status"] = notice.StatusPublished
	case notice.Extended:
		set["/content/closesAt"] = ev.ClosesAt
	case notice.Closed:
		set["/status"] = notice.StatusClosed
	case quota.PlaceClaimed:
		set["/claims/"+ev.Declaration.String()] = ev.Revision
	default:
		declarationValues(event, p, set)
		organizationValues(event, set)
		accountValues(event, set)
	}
	out := make(map[string]json.RawMessage, len(set))
	for path, v := range set {
		if v == nil {
			out[path] = nil
			continue
		}
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("trail: audit of %T: %w", event, err)
		}
		out[path] = raw
	}
	return out, nil
}

// declarationValues are the parts of a declaration that an event sets; how far it is then, p says.
func declarationValues(event any, p declaration.Progress, set map[string]any) {
	switch ev := event.(type) {
	case declaration.Started:
		set["/notice"], set["/unit"], set["/selfCheck"] = ev.Notice.Title, ev.Unit, ev.SelfCheck
	case declaration.ModuleSaved:
		set["/modules/"+ev.Module] = ev.Data
	case declaration.FileAttached:
		set["/files/"+ev.File.ID.String()] = ev.File
	case declaration.FileRemoved:
		set["/files/"+ev.File.ID.String()] = nil
	case declaration.RecommenderAdded:
		set["/recommenders/"+ev.ID.String()] = ev.Data
	case declaration.RecommenderChanged:
		set["/recommenders/"+ev.ID.String()] = ev.Data
	case declaration.RecommenderRemoved:
		set["/recommenders/"+ev.ID.String()] = nil
	case declaration.Submitted:
		set["/unit"], set["/correction"] = ev.Unit, nil
	case declaration.Returned:
		set["/correction"] = map[string]any{"stage": ev.Stage, "opinion": ev.Opinion, "modules": ev.Modules}
	case declaration.Withdrawn, declaration.StageApproved, declaration.Terminated, declaration.Approved: // progress only
	default:
		return
	}
	set["/status"], set["/stage"], set["/round"] = p.Status, nil, nil
	if p.Stage != "" {
		set["/stage"] = p.Stage
	}
	if p.Round > 0 {
		set["/round"] = p.Round
	}
}

// organizationValues are the parts of an organization that an event sets. Whose grants a closure ends is in the
// grants before it.
func organizationValues(event any, set map[string]any) {
	switch ev := event.(type) {
	case organization.Created:
		set["/name"], set["/kind"], set["/parent"], set["/closed"] = ev.Name, ev.Kind, ev.Parent, false
	case organization.Renamed:
		set["/name"] = ev.Name
	case organization.Closed:
		set["/closed"] = true
	case organization.Reopened:
		set["/closed"] = false
	case organization.OfficerGranted:
		set["/officers/"+ev.Account] = map[string]any{"role": ev.Role, "expires": ev.Expires}
	case organization.GrantRevoked:
		set["/officers/"+ev.Account] = nil
	}
}

func roleName(r domain.Role) text.Text { return text.Of("role."+string(r), nil) }

// accountValues are the roles of an account that an event sets, each by who gives it.
func accountValues(event any, set map[string]any) {
	path := func(r domain.Role, o domain.Organization, issuer string) string {
		p := "/roles/" + string(r)
		if o.ID != "" {
			p += "@" + o.ID
		}
		if issuer != "" {
			p += " by " + strings.NewReplacer("~", "~0", "/", "~1").Replace(issuer)
		}
		return p
	}
	switch ev := event.(type) {
	case account.RoleGranted:
		set[path(ev.Role, ev.Organization, ev.Issuer)] = map[string]any{"expires": ev.Expires, "origin": ev.Origin}
	case account.RoleRevoked:
		set[path(ev.Role, ev.Organization, ev.Issuer)] = nil
	}
}
