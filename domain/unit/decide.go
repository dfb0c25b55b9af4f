package unit

import (
	"strings"
	"unicode/utf8"

	"zhiping/domain"
	"zhiping/domain/text"
)

// MaxNameRunes bounds a unit's name.
const MaxNameRunes = 100

// The refusals of this package.
var (
	ErrRegistered    = domain.NewError(domain.Conflict, "unit_registered")
	ErrNotRegistered = domain.NewError(domain.NotFound, "unit_not_registered")
	ErrDepartment    = domain.NewError(domain.Invalid, "unit_department")
	ErrCheckFailed   = domain.NewError(domain.Invalid, "uscc_check_failed")
)

// Decide answers a command with the events that follow, or with a refusal.
//
//	Register: given nothing, with a name and a department       → Registered
//	          given a unit that is registered                     → ErrRegistered
//	          below a department that is not in the tree          → ErrDepartment
//	          when the check character fails without a reason     → ErrCheckFailed
//	Approve:  given a registered unit                             → Approved
//	          given an approved unit                              → nothing (idempotent)
//	          given nothing                                       → ErrNotRegistered
func Decide(s State, f Facts, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Register:
		return register(s, f, c)
	case Approve:
		return approve(s)
	}
	panic("unit: command of an unknown type")
}

func register(s State, f Facts, c Register) ([]Event, error) {
	if s.Status != "" {
		return nil, ErrRegistered
	}
	c.Name = strings.TrimSpace(c.Name)
	var faults []domain.Fault
	if n := utf8.RuneCountInString(c.Name); n == 0 || n > MaxNameRunes {
		fault := domain.NewFault("length", text.Args{"min": 1, "max": MaxNameRunes})
		fault.Location = "body.name"
		faults = append(faults, fault)
	}
	if c.Department.ID == "" {
		fault := domain.NewFault("missing", nil)
		fault.Location = "body.department"
		faults = append(faults, fault)
	}
	if len(faults) > 0 {
		return nil, domain.ErrInvalid.WithFaults(faults...)
	}
	if f.Department.ID == "" {
		return nil, ErrDepartment
	}
	reason := strings.TrimSpace(c.OverrideReason)
	if f.CheckFailed && reason == "" {
		return nil, ErrCheckFailed
	}
	if !f.CheckFailed {
		reason = ""
	}
	return []Event{Registered{USCC: c.USCC, Name: c.Name, Department: f.Department, OverrideReason: reason}}, nil
}

func approve(s State) ([]Event, error) {
	switch s.Status {
	case "":
		return nil, ErrNotRegistered
	case StatusApproved:
		return nil, nil
	}
	return []Event{Approved{USCC: s.USCC}}, nil
}
