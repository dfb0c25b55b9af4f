package views

import (
	"time"

	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/domain/text"
	"zhiping/readmodels"
)

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

// Return is the latest return, shown at the top of the form while the declaration is returned.
type Return struct {
	Stage        string              `json:"stage"`
	Organization domain.Organization `json:"organization"`
	Opinion      string              `json:"opinion"`
	Modules      []string            `json:"modules"`
	At           time.Time           `json:"at"`
	Deadline     time.Time           `json:"deadline,omitzero"`
}
