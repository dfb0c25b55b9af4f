package views

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/domain/text"
	"zhiping/readmodels"
)

// History is a row of the applicant's 申报历史信息列表, and of what an organization oversees.
type History struct {
	ID         uuid.UUID             `json:"id"`
	Applicant  domain.Organization   `json:"applicant"`
	Committee  string                `json:"committee,omitempty"` // id of the one on its review route
	Number     string                `json:"number"`
	Notice     declaration.NoticeRef `json:"notice"`
	Unit       domain.Organization   `json:"unit"`
	Department string                `json:"department"` // id of the unit's
	declaration.Progress
	StartedAt   time.Time `json:"startedAt"`
	SubmittedAt time.Time `json:"submittedAt,omitzero"`
	UpdatedAt   time.Time `json:"updatedAt"`
	Created     int64     `json:"created"` // position of the first event: the list's order
	Revision    uint64    `json:"revision"`
}

// Histories is found by applicant, newest first, and by notice and unit where it was passed on; since the first submission it is found
// by unit, department and committee too. A person has so few that no index for their status or type would pay for being
// kept.
var Histories = readmodels.View[History]{
	Name: "history", Version: 6,
	Indexes: []readmodels.Index{
		{Fields: []string{"applicant", "created"}},
		{Fields: []string{"notice", "unit", "passedOn", "created"}},
		{Fields: []string{"unit", "created"}},
		{Fields: []string{"department", "created"}},
		{Fields: []string{"committee", "created"}},
	},
	Fields: func(d *History) map[string]any {
		fields := map[string]any{
			"applicant": d.Applicant.ID, "created": d.Created, "notice": d.Notice.ID.String(), "passedOn": d.PassedOn,
		}
		if !d.SubmittedAt.IsZero() {
			fields["unit"], fields["department"], fields["committee"] = d.Unit.ID, d.Department, d.Committee
		}
		return fields
	},
}

// Return is the latest return, shown at the top of the form while the declaration is returned.
type Return struct {
	Stage        string              `json:"stage"`
	Organization domain.Organization `json:"organization"`
	Opinion      string              `json:"opinion"`
	Modules      []string            `json:"modules"`
	At           time.Time           `json:"at"`
	Deadline     time.Time           `json:"deadline,omitzero"`
}

// Content is what the applicant has entered. It is apart from the Timeline because it is large, and reviewing, which
// touches a declaration many times, does not change it.
type Content struct {
	SelfCheck    map[string]bool            `json:"selfCheck,omitempty"`
	Modules      map[string]json.RawMessage `json:"modules,omitempty"`
	Files        []declaration.File         `json:"files,omitempty"`
	Recommenders []declaration.Recommender  `json:"recommenders,omitempty"`
	Revision     uint64                     `json:"revision"` // of the last event that changed it
}

// Contents is read by declaration id only.
var Contents = readmodels.View[Content]{Name: "content", Version: 1}

// NodeState is how a node of the timeline looks.
type NodeState string

// The states of a node, in the HTTP contract's words.
const (
	NodeDone       NodeState = "done"
	NodeCurrent    NodeState = "current"
	NodePending    NodeState = "pending"
	NodeReturned   NodeState = "returned"
	NodeTerminated NodeState = "terminated"
)

// StageApplicant is the stage key of the nodes at which the applicant fills in, corrects or resubmits.
const StageApplicant = "applicant"

// Node is one step of the way that a declaration took or will take.
type Node struct {
	Stage        string              `json:"stage"`
	Name         text.Text           `json:"name"`
	Organization domain.Organization `json:"organization"`
	State        NodeState           `json:"state"`
	Actor        *Actor              `json:"actor,omitempty"`
	At           time.Time           `json:"at,omitzero"`
	Opinion      string              `json:"opinion,omitempty"`
	EnteredAt    time.Time           `json:"enteredAt,omitzero"`
	Round        int                 `json:"round"`
}

// Timeline is the 进度跟踪 of one declaration, with its state but for the Content.
type Timeline struct {
	State       declaration.State `json:"state"`
	Nodes       []Node            `json:"nodes"`
	Return      *Return           `json:"return,omitempty"`
	StartedAt   time.Time         `json:"startedAt"`
	SubmittedAt time.Time         `json:"submittedAt,omitzero"`
	UpdatedAt   time.Time         `json:"updatedAt"`
	Content     uint64            `json:"content"` // revision of the Content that belongs to it
	Revision    uint64            `json:"revision"`
}

// Deadline is until when the open return may be corrected; zero for none. Documents of version 3, which are read while
// version 4 is built, have it in the Correction only.
func (d *Timeline) Deadline() time.Time {
	if c := d.State.Correction; c != nil {
		return c.Deadline
	}
	return time.Time{}
}

// Timelines is read by declaration id only.
var Timelines = readmodels.View[Timeline]{Name: "timeline", Version: 4}

// Work is a declaration that waits for an organization's decision. While it waits for nobody, Organization is
// empty and no query finds it.
type Work struct {
	ID        uuid.UUID             `json:"id"`
	Number    string                `json:"number"`
	Notice    declaration.NoticeRef `json:"notice"`
	Applicant domain.Organization   `json:"applicant"`
	Unit      domain.Organization   `json:"unit"`
	declaration.Progress
	StageName    text.Text           `json:"stageName"`
	Last         bool                `json:"last"` // the route's last stage: ApproveFinal instead of ApproveStage
	Organization domain.Organization `json:"organization"`
	SubmittedAt  time.Time           `json:"submittedAt"`
	EnteredAt    time.Time           `json:"enteredAt"`
	Entered      int64               `json:"entered"` // position at which it came to this stage: the list's order
	Route        []declaration.Stage `json:"route"`
	Revision     uint64              `json:"revision"`
}

// Worklists is found by organization, optionally by type, oldest first. What waits for an organization is nearly always at
// the one stage that it holds.
var Worklists = readmodels.View[Work]{
	Name: "worklist", Version: 3,
	Indexes: []readmodels.Index{
		{Fields: []string{"organization", "entered"}},
		{Fields: []string{"organization", "type", "entered"}},
	},
	Fields: func(d *Work) map[string]any {
		if d.Organization.ID == "" {
			return nil
		}
		return map[string]any{
			"organization": d.Organization.ID, "type": d.Notice.Type, "entered": d.Entered,
		}
	},
}
