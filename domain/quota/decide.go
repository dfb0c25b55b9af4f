package quota

import (
	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/text"
)

// The refusals of this package: a declaration for which there is no place left, and one of a unit that was given none.
var (
	ErrExhausted = domain.NewError(domain.Conflict, "quota_exhausted")
	ErrNone      = domain.NewError(domain.Conflict, "quota_none")
)

// Decide answers a command with the events that follow, or with a refusal.
//
//	Claim: given fewer places in use by others than there are  → PlaceClaimed
//	       given a claim for the declaration at that revision  → nothing (idempotent)
//	       given one at a newer revision                       → nothing: the approval will not be appended anyway
//	       given as many places in use by others as there are  → ErrExhausted
//	       given a unit without places                         → ErrNone
func Decide(s State, f Facts, c Command) ([]Event, error) {
	if claim, ok := c.(Claim); ok {
		return take(s, f, claim)
	}
	panic("quota: command of an unknown type")
}

func take(s State, f Facts, c Claim) ([]Event, error) {
	if at, ok := s.Claims[c.Declaration]; ok && at >= c.Revision {
		return nil, nil
	}
	if f.Places == 0 {
		return nil, ErrNone
	}
	if inUse(s, f, c) >= f.Places {
		return nil, ErrExhausted.With(text.Args{"quota": f.Places})
	}
	return []Event{PlaceClaimed(c)}, nil
}

// inUse counts the places of others: of what is passed on, and of claims that can still come true. A claim whose
// declaration was not looked up counts.
func inUse(s State, f Facts, c Claim) int {
	places := map[uuid.UUID]bool{}
	for _, id := range f.PassedOn {
		places[id] = true
	}
	for id, at := range s.Claims {
		d, known := f.Standing[id]
		if !known || d.PassedOn || d.Revision <= at {
			places[id] = true
		}
	}
	delete(places, c.Declaration)
	return len(places)
}
