// Package binding is the tie between an applicant and one recommending unit (个人绑定单位, manual chapter 3.2):
// the applicant asks, the unit approves; a person has at most one at a time, which the one stream an applicant
// guarantees.
package binding

import "zhiping/domain"

// Command is asked of an applicant's binding. The set is closed.
//
//sumtype:decl
type Command interface {
	// command is the command's name in the policy table and in the audit trail. It is stored and never changes.
	command() string
}

// CommandName is the command's name in the policy table and in the audit trail.
func CommandName(c Command) string { return c.command() }

// Facts are what the executor looks up outside the binding's own stream.
type Facts struct {
	Applicant domain.Organization // id and name of the person, as the unit's officer will read them
	Unit      domain.Organization // the approved unit that is asked; zero where there is none
	// Officer is the id of the organization that decides. A request that was withdrawn and made anew to another unit
	// meanwhile is not its to decide.
	Officer     string
	Usage       domain.Usage
	UnderReview bool // a declaration that the bound unit recommended is under review
}

// Bind asks to be bound to the unit with this credit code.
type Bind struct{ USCC string }

// Approve binds the applicant to the unit that was asked.
type Approve struct{}

// Reject refuses the request, with the reason that the applicant will read.
type Reject struct{ Opinion string }

// Unbind ends the binding, or withdraws a request.
type Unbind struct{}

func (Bind) command() string    { return "BindUnit" }
func (Approve) command() string { return "ApproveBinding" }
func (Reject) command() string  { return "RejectBinding" }
func (Unbind) command() string  { return "UnbindUnit" }

// Event is something that happened to a binding. The set is closed.
//
//sumtype:decl
type Event interface{ isEvent() }

// Requested says that the applicant asked a unit to be bound.
type Requested struct {
	Applicant domain.Organization `json:"applicant"`
	Unit      domain.Organization `json:"unit"`
}

// Approved says that the unit agreed.
type Approved struct {
	Unit domain.Organization `json:"unit"`
}

// Rejected says that the unit refused, and why.
type Rejected struct {
	Unit    domain.Organization `json:"unit"`
	Opinion string              `json:"opinion"`
}

// Withdrawn says that the applicant took a request back.
type Withdrawn struct {
	Unit domain.Organization `json:"unit"`
}

// Unbound says that the applicant left the unit.
type Unbound struct {
	Unit domain.Organization `json:"unit"`
}

func (Requested) isEvent() {}
func (Approved) isEvent()  {}
func (Rejected) isEvent()  {}
func (Withdrawn) isEvent() {}
func (Unbound) isEvent()   {}

// EventTypes lists the package's events under the names that they are stored with.
func EventTypes() []domain.EventType {
	return []domain.EventType{
		{Name: "BindingRequested", Version: 1, Zero: Requested{}, Shown: domain.InAudit | domain.ToAnalysts},
		{Name: "BindingApproved", Version: 1, Zero: Approved{}, Shown: domain.InAudit | domain.ToAnalysts | domain.InMessage},
		{Name: "BindingRejected", Version: 1, Zero: Rejected{}, Shown: domain.InAudit | domain.ToAnalysts | domain.InMessage},
		{Name: "BindingWithdrawn", Version: 1, Zero: Withdrawn{}, Shown: domain.InAudit | domain.ToAnalysts},
		{Name: "UnitUnbound", Version: 1, Zero: Unbound{}, Shown: domain.InAudit | domain.ToAnalysts},
	}
}

// Status is where a binding stands.
type Status string

// The statuses of a binding.
const (
	StatusNone    Status = ""
	StatusPending Status = "pending"
	StatusBound   Status = "bound"
)

// State is an applicant's binding. The zero State is a person without one. Opinion is the last refusal's, Former the unit of the
// last request or binding that has ended.
type State struct {
	Applicant domain.Organization
	Unit      domain.Organization
	Status    Status
	Opinion   string
	Former    domain.Organization
}

// Evolve folds one event into the state.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case Requested:
		return State{Applicant: e.Applicant, Unit: e.Unit, Status: StatusPending, Former: s.Former}
	case Approved:
		s.Status = StatusBound
		return s
	case Rejected:
		return State{Applicant: s.Applicant, Opinion: e.Opinion, Former: s.Unit}
	case Withdrawn, Unbound:
		return State{Applicant: s.Applicant, Former: s.Unit}
	}
	panic("binding: event of an unknown type")
}
