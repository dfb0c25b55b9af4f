package folds

import (
	"encoding/json"
	"fmt"

	"zhiping/domain"
	"zhiping/domain/binding"
	"zhiping/domain/declaration"
	"zhiping/domain/notice"
	"zhiping/domain/text"
	"zhiping/domain/unit"
	"zhiping/projections"
	"zhiping/readmodels/views"
)

// Audit folds the audit trail: an entry an event, with what it changed. What a stream's values were before is kept
// in a document of the same view, keyed by the stream, so that an entry is made from events alone.
func Audit() projections.Projection[views.Audit] {
	return projections.Projection[views.Audit]{
		View: views.Audits,
		Keys: func(e domain.Recorded) []string { return []string{views.EntryID(e.Position), beforeID(e.Stream)} },
		Apply: func(docs *projections.Docs[views.Audit], e domain.Recorded) error {
			var before map[string]json.RawMessage
			if d, ok := docs.Get(beforeID(e.Stream)); ok {
				before = d.Before
			}
			after, err := values(e.Event)
			if err != nil {
				return err
			}
			entry := EntryOf(e)
			entry.Changes = Changes(before, after)
			docs.Put(views.EntryID(e.Position), &views.Audit{Entry: &entry})
			if len(entry.Changes) > 0 {
				docs.Put(beforeID(e.Stream), &views.Audit{Before: merge(before, after)})
			}
			return nil
		},
	}
}

func beforeID(stream string) string { return "s" + stream }

// EntryOf is the entry of an event, without its changes.
func EntryOf(e domain.Recorded) views.Entry {
	return views.Entry{
		Position: e.Position, Stream: e.Stream, StreamRevision: e.Revision, EventID: e.ID, Type: e.Type, At: e.At,
		Actor: views.ActorOf(e), IP: e.Meta.IP, CorrelationID: e.Meta.CorrelationID, CausationID: e.Meta.CausationID,
		Command: e.Meta.Command, Summary: Summary(e),
	}
}

// Summary is the sentence that says what happened.
func Summary(e domain.Recorded) text.Text {
	args := text.Args{}
	switch ev := e.Event.(type) {
	case unit.Registered:
		args["unit"] = ev.Name
	case binding.Requested:
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
func values(event any) (map[string]json.RawMessage, error) {
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
	default:
		declarationValues(event, set)
	}
	out := make(map[string]json.RawMessage, len(set))
	for path, v := range set {
		if v == nil {
			out[path] = nil
			continue
		}
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("folds: audit of %T: %w", event, err)
		}
		out[path] = raw
	}
	return out, nil
}

func declarationValues(event any, set map[string]any) {
	switch ev := event.(type) {
	case declaration.Started:
		set["/notice"], set["/unit"], set["/selfCheck"], set["/status"] = ev.Notice.Title, ev.Unit, ev.SelfCheck, declaration.StatusDraft
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
		set["/status"], set["/stage"], set["/round"], set["/unit"] = declaration.StatusSubmitted, ev.Stage, ev.Round, ev.Unit
		set["/correction"] = nil
	case declaration.Withdrawn:
		set["/status"], set["/stage"] = declaration.StatusWithdrawn, nil
	case declaration.StageApproved:
		set["/stage"] = ev.Next
	case declaration.Returned:
		set["/status"], set["/stage"] = declaration.StatusReturned, nil
		set["/correction"] = map[string]any{"stage": ev.Stage, "opinion": ev.Opinion, "modules": ev.Modules}
	case declaration.Terminated:
		set["/status"], set["/stage"] = declaration.StatusTerminated, nil
	case declaration.Approved:
		set["/status"], set["/stage"] = declaration.StatusApproved, nil
	}
}
