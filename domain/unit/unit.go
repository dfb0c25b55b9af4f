// Package unit is the recommending unit (推荐单位): it registers with its unified social credit code, and its
// department approves it. Only an approved unit can be bound to (manual, chapter 3.2 “办理条件”).
package unit

import (
	"zhiping/domain"
)

// Command is asked of a unit. The set is closed.
//
//sumtype:decl
type Command interface {
	// command is the command's name in the policy table and in the audit trail. It is stored and never changes.
	command() string
}

// CommandName is the command's name in the policy table and in the audit trail.
func CommandName(c Command) string { return c.command() }

// Facts are what the executor looks up outside the unit's own stream.
type Facts struct {
	CheckFailed bool // the credit code's check character does not fit
	// Department is the one that the registration names, as the tree of organizations has it. It is zero where there is no
	// such department, or the unit lies below another one.
	Department domain.Organization
}

// Register asks for a unit to be taken up. OverrideReason says why a credit code is right although its check character
// does not fit (domain.md 4, decision 5). The name of the department is the tree's, whatever is sent.
type Register struct {
	USCC           string
	Name           string
	Department     domain.Organization
	OverrideReason string
}

// Approve lets people bind to the unit.
type Approve struct{}

func (Register) command() string { return "RegisterUnit" }
func (Approve) command() string  { return "ApproveUnit" }

// Event is something that happened to a unit. The set is closed.
//
//sumtype:decl
type Event interface{ isEvent() }

// Registered says that a unit asked to be taken up.
type Registered struct {
	USCC           string              `json:"uscc"`
	Name           string              `json:"name"`
	Department     domain.Organization `json:"department"`
	OverrideReason string              `json:"overrideReason,omitempty"`
}

// Approved says that the department took the unit up.
type Approved struct {
	USCC string `json:"uscc"`
}

func (Registered) isEvent() {}
func (Approved) isEvent()   {}

// EventTypes lists the package's events under the names that they are stored with.
func EventTypes() []domain.EventType {
	return []domain.EventType{
		{Name: "UnitRegistered", Version: 1, Zero: Registered{}, Shown: domain.InAudit | domain.ToAnalysts},
		{Name: "UnitApproved", Version: 1, Zero: Approved{}, Shown: domain.InAudit | domain.ToAnalysts},
	}
}

// Status is where a unit stands.
type Status string

// The statuses of a unit. The zero status means that nobody registered it.
const (
	StatusRegistered Status = "registered"
	StatusApproved   Status = "approved"
)

// State is a unit as its events tell it. The zero State is a unit that nobody registered.
type State struct {
	USCC       string
	Name       string
	Department domain.Organization
	Status     Status
}

// Evolve folds one event into the state.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case Registered:
		return State{USCC: e.USCC, Name: e.Name, Department: e.Department, Status: StatusRegistered}
	case Approved:
		s.Status = StatusApproved
		return s
	}
	panic("unit: event of an unknown type")
}
