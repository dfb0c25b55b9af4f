package binding

import (
	"zhiping/domain"
	"zhiping/domain/unit"
)

// Bounds on how often a person may ask for a unit. Only a new request is refused beyond them, so that a binding can always end.
const (
	MaxEventsPerHour = 60
	MaxEvents        = 2000
)

// The refusals of this package.
var (
	ErrAlreadyBound = domain.NewError(domain.Conflict, "already_bound")
	ErrPending      = domain.NewError(domain.Conflict, "binding_pending")
	ErrNotBound     = domain.NewError(domain.Conflict, "not_bound")
	ErrNotPending   = domain.NewError(domain.Conflict, "binding_not_pending")
	ErrTooMany      = domain.NewError(domain.Limited, "binding_changes_hour")
	ErrExhausted    = domain.NewError(domain.Conflict, "binding_changes")
	ErrUnderReview  = domain.NewError(domain.Conflict, "under_review")
)

// Decide answers a command with the events that follow, or with a refusal.
//
//	Bind:    given no binding, and an approved unit            → Requested
//	         given a pending request to any unit               → ErrPending
//	         given a bound unit                                → ErrAlreadyBound (unbind first, manual 3.2)
//	         when the unit is not registered and approved      → unit.ErrNotRegistered
//	         after more events than a binding may have          → ErrTooMany, ErrExhausted
//	Approve: given a pending request to that unit              → Approved
//	         given anything else                               → ErrNotPending
//	Reject:  given a pending request to that unit, an opinion  → Rejected
//	Unbind:  given a pending request                           → Withdrawn
//	         given a bound unit                                → Unbound
//	         when a declaration it recommends is under review  → ErrUnderReview (domain.md 4, decision 3)
//	         given no binding                                  → ErrNotBound
func Decide(s State, f Facts, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Bind:
		return bind(s, f)
	case Approve:
		return approve(s, f)
	case Reject:
		return reject(s, f, c)
	case Unbind:
		return unbind(s, f)
	}
	panic("binding: command of an unknown type")
}

func bind(s State, f Facts) ([]Event, error) {
	switch s.Status {
	case StatusBound:
		return nil, ErrAlreadyBound
	case StatusPending:
		return nil, ErrPending
	}
	switch {
	case f.Usage.ThisHour >= MaxEventsPerHour:
		return nil, ErrTooMany
	case f.Usage.Events >= MaxEvents:
		return nil, ErrExhausted
	}
	if f.Unit.ID == "" {
		return nil, unit.ErrNotRegistered
	}
	return []Event{Requested{Applicant: f.Applicant, Unit: f.Unit}}, nil
}

func approve(s State, f Facts) ([]Event, error) {
	if s.Status != StatusPending || s.Unit.ID != f.Officer {
		return nil, ErrNotPending
	}
	return []Event{Approved{Unit: s.Unit}}, nil
}

func reject(s State, f Facts, c Reject) ([]Event, error) {
	if s.Status != StatusPending || s.Unit.ID != f.Officer {
		return nil, ErrNotPending
	}
	opinion, err := domain.Opinion(c.Opinion, true)
	if err != nil {
		return nil, err
	}
	return []Event{Rejected{Unit: s.Unit, Opinion: opinion}}, nil
}

func unbind(s State, f Facts) ([]Event, error) {
	switch {
	case s.Status == StatusNone:
		return nil, ErrNotBound
	case s.Status == StatusPending:
		return []Event{Withdrawn{Unit: s.Unit}}, nil
	case f.UnderReview:
		return nil, ErrUnderReview
	}
	return []Event{Unbound{Unit: s.Unit}}, nil
}
