// Package unit is the recommending unit (推荐单位): it registers with its unified social credit code, and its
// department approves it. Only an approved unit can be bound to (manual, chapter 3.2 “办理条件”).
package unit

import (
	"zhiping/domain"
)

// Command is asked of a unit. The set is closed.
//
//sumtype:decl
type Command interface{ isCommand() }

// Register asks for a unit to be taken up. CheckFailed is the looked-up fact that the credit code's check
// character does not fit; OverrideReason says why it is right nevertheless (domain.md 4, decision 5).
type Register struct {
	USCC           string
	Name           string
	Department     domain.Organization
	OverrideReason string
	CheckFailed    bool `json:"-"`
	// Unplaced is the looked-up fact that there is no such department, or that the unit lies below another one.
	Unplaced bool `json:"-"`
}

// Approve lets people bind to the unit.
type Approve struct{}

func (Register) isCommand() {}
func (Approve) isCommand()  {}

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
		{Name: "UnitRegistered", Version: 1, Zero: Registered{}},
		{Name: "UnitApproved", Version: 1, Zero: Approved{}},
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
