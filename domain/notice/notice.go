// Package notice is the call for declarations (申报通知): one batch of one declaration type, with its window,
// its qualification cut-off date and the definition that it was published with (domain.md 4, decision 1).
package notice

import (
	"maps"
	"reflect"
	"time"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/organization"
)

// Content is what an office writes into a notice. It is stored in events: fields are only ever added.
type Content struct {
	Type         string              `json:"type"` // key of a declaration type
	Title        string              `json:"title"`
	Year         int                 `json:"year"`
	Batch        string              `json:"batch,omitempty"` // e.g. 第三批
	OpensAt      time.Time           `json:"opensAt"`
	ClosesAt     time.Time           `json:"closesAt"`        // the first moment that is too late
	CutOff       time.Time           `json:"cutOff,omitzero"` // qualification cut-off date (domain.md 1.3); zero: ClosesAt as published
	Instructions string              `json:"instructions"`
	Bureau       domain.Organization `json:"bureau"`    // who holds the bureau stages
	Committee    domain.Organization `json:"committee"` // who holds the committee stages
	ResubmitTo   string              `json:"resubmitTo,omitempty"`
	// CorrectionDays is how long a returned declaration may be corrected, whatever the window; 0: no deadline.
	CorrectionDays int `json:"correctionDays,omitempty"`
	// Quota bounds how many declarations one unit may pass on; 0: no bound. One that is terminated above the unit keeps its
	// place, since the unit did recommend it.
	Quota int `json:"quota,omitempty"`
	// Quotas are units' own numbers of places in place of Quota, by credit code; 0: the unit may pass on none.
	Quotas map[string]int `json:"quotas,omitempty"`
	// SlotLimits are limits of attachments in place of the type's own, by slot. The definition that the notice is published
	// with has them.
	SlotLimits map[string]catalog.SlotLimits `json:"slotLimits,omitempty"`
}

// Facts are what the executor looks up outside the notice's own stream.
type Facts struct {
	Now time.Time
	// Definition is the newest one of the content's type; the zero Definition where the catalog does not have the type.
	Definition catalog.Definition
	Bureau     Office // what the content's bureau is
	Committee  Office
	// Registered are those of Quotas' units that are there, as far as their codes' check characters do not fit.
	Registered map[string]bool
}

// Office is an organization as the tree has it; the zero Office is one that is not in the tree.
type Office struct {
	Name    string
	Kind    organization.Kind
	Closed  bool
	Bureaux []string // ids of the bureaux at and above it, the nearest first
}

// Command is asked of a notice. The set is closed.
//
//sumtype:decl
type Command interface {
	// command is the command's name in the policy table and in the audit trail. It is stored and never changes.
	command() string
}

// CommandName is the command's name in the policy table and in the audit trail.
func CommandName(c Command) string { return c.command() }

// Draft writes a new notice.
type Draft struct{ Content Content }

// Revise replaces a draft's content; on a published notice it may only extend the window. A bureau that is not named
// stays who it was.
type Revise struct{ Content Content }

// Publish opens the notice to applicants, with the newest definition of its type.
type Publish struct{}

// Close ends the window now.
type Close struct{}

func (Draft) command() string   { return "DraftNotice" }
func (Revise) command() string  { return "ReviseNotice" }
func (Publish) command() string { return "PublishNotice" }
func (Close) command() string   { return "CloseNotice" }

// Event is something that happened to a notice. The set is closed.
//
//sumtype:decl
type Event interface{ isEvent() }

// Drafted says that a notice was written.
type Drafted struct {
	Content Content `json:"content"`
}

// Revised says that a draft was changed.
type Revised struct {
	Content Content `json:"content"`
}

// Published says that applicants can see the notice, and by which definition they declare.
type Published struct {
	Definition catalog.Definition `json:"definition"`
}

// Extended says that the window closes later.
type Extended struct {
	ClosesAt time.Time `json:"closesAt"`
}

// Closed says that the window was closed by hand.
type Closed struct{}

func (Drafted) isEvent()   {}
func (Revised) isEvent()   {}
func (Published) isEvent() {}
func (Extended) isEvent()  {}
func (Closed) isEvent()    {}

// EventTypes lists the package's events under the names that they are stored with.
func EventTypes() []domain.EventType {
	return []domain.EventType{
		{Name: "NoticeDrafted", Version: 1, Zero: Drafted{}, Shown: domain.InAudit | domain.ToAnalysts},
		{Name: "NoticeRevised", Version: 1, Zero: Revised{}, Shown: domain.InAudit | domain.ToAnalysts},
		{Name: "NoticePublished", Version: 1, Zero: Published{}, Shown: domain.InAudit | domain.ToAnalysts},
		{Name: "NoticeExtended", Version: 1, Zero: Extended{}, Shown: domain.InAudit | domain.ToAnalysts},
		{Name: "NoticeClosed", Version: 1, Zero: Closed{}, Shown: domain.InAudit | domain.ToAnalysts},
	}
}

// Status is where a notice stands; whether it is open also depends on the time, see State.Open.
type Status string

// The statuses of a notice.
const (
	StatusDraft     Status = "draft"
	StatusPublished Status = "published"
	StatusClosed    Status = "closed"
)

// State is a notice as its events tell it. The zero State is a notice that nobody wrote.
type State struct {
	Content    Content
	Status     Status
	Definition catalog.Definition // of published notices
}

// Size is about what the state holds in memory, in bytes: a published notice keeps the forms and rules of its type.
func (s State) Size() int64 {
	n := int64(len(s.Content.Instructions) + 64*len(s.Content.Quotas))
	for _, m := range s.Definition.Modules {
		n += int64(2 * len(m.Schema))
	}
	return n
}

// Open tells whether declarations can be started and submitted at that time.
func (s State) Open(now time.Time) bool {
	return s.Status == StatusPublished && !now.Before(s.Content.OpensAt) && now.Before(s.Content.ClosesAt)
}

// Phase is the state that the HTTP contract names: draft, upcoming, open or closed.
func (s State) Phase(now time.Time) string {
	switch {
	case s.Status == StatusDraft:
		return "draft"
	case s.Status == StatusPublished && now.Before(s.Content.OpensAt):
		return "upcoming"
	case s.Open(now):
		return "open"
	}
	return "closed"
}

// CutOffDate is the date on which qualifications are judged.
func (c Content) CutOffDate() time.Time {
	if c.CutOff.IsZero() {
		return c.ClosesAt
	}
	return c.CutOff
}

// Equal compares contents; times are compared as moments, whatever their zone.
func (c Content) Equal(o Content) bool {
	if !c.OpensAt.Equal(o.OpensAt) || !c.ClosesAt.Equal(o.ClosesAt) || !c.CutOff.Equal(o.CutOff) {
		return false
	}
	if !maps.Equal(c.Quotas, o.Quotas) || !maps.EqualFunc(c.SlotLimits, o.SlotLimits, catalog.SlotLimits.Equal) {
		return false
	}
	c.OpensAt, c.ClosesAt, c.CutOff = o.OpensAt, o.ClosesAt, o.CutOff
	c.Quotas, c.SlotLimits = o.Quotas, o.SlotLimits
	return reflect.DeepEqual(c, o)
}

// Evolve folds one event into the state.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case Drafted:
		return State{Content: e.Content, Status: StatusDraft}
	case Revised:
		s.Content = e.Content
	case Published:
		s.Status, s.Definition = StatusPublished, e.Definition
	case Extended:
		s.Content.CutOff = s.Content.CutOffDate() // who qualified when the notice was published still does, and nobody else
		s.Content.ClosesAt = e.ClosesAt
	case Closed:
		s.Status = StatusClosed
	default:
		panic("notice: event of an unknown type")
	}
	return s
}
