package declaration

import (
	"slices"
	"time"

	"zhiping/domain/catalog"
)

// Progress is how far a declaration is. State embeds it, and so do the documents of views that show it, so that the
// meaning of an event is spelled once.
type Progress struct {
	Status   Status    `json:"status"`
	Stage    string    `json:"stage,omitempty"`    // where it waits, while submitted
	Round    int       `json:"round,omitempty"`    // submissions so far
	Decided  bool      `json:"decided,omitempty"`  // a review decision was ever taken
	PassedOn bool      `json:"passedOn,omitempty"` // it takes one of its unit's places
	Deadline time.Time `json:"deadline,omitzero"`  // of the correction, while returned; zero for none
}

// Evolve folds one event into the progress. An event that changes only what is entered leaves it as it is.
func (p Progress) Evolve(e Event) Progress {
	if !Advances(e) {
		return p
	}
	switch e := e.(type) { //nolint:gochecksumtype // Advances has taken the others out
	case Started:
		return Progress{Status: StatusDraft}
	case Submitted:
		return Progress{Status: StatusSubmitted, Stage: e.Stage, Round: e.Round, Decided: p.Decided, PassedOn: p.PassedOn && !passesUnit(e)}
	case StageApproved:
		p.Stage, p.Decided, p.PassedOn = e.Next, true, p.PassedOn || e.Stage == catalog.StageUnit
	case Withdrawn:
		p.Status, p.Stage = StatusWithdrawn, ""
	case Returned:
		p.Status, p.Stage, p.Decided, p.Deadline = StatusReturned, "", true, e.Deadline
	case Terminated:
		p.Status, p.Stage, p.Decided = StatusTerminated, "", true
	case Approved:
		p.Status, p.Stage, p.Decided = StatusApproved, "", true
	default:
		panic("declaration: event of an unknown type")
	}
	return p
}

// Advances tells whether an event changes a declaration's Progress; every other one changes what is entered.
func Advances(e Event) bool {
	switch e.(type) { //nolint:gochecksumtype // every other event advances, and Evolve panics for a new one
	case ModuleSaved, FileAttached, FileRemoved, RecommenderAdded, RecommenderChanged, RecommenderRemoved:
		return false
	}
	return true
}

// passesUnit tells whether the unit has to pass the submission on. A place of the quota is given back by such a
// submission, not by a return or a refusal above the unit.
func passesUnit(e Submitted) bool {
	entered := slices.IndexFunc(e.Route, func(st Stage) bool { return st.Key == e.Stage })
	unit := slices.IndexFunc(e.Route, func(st Stage) bool { return st.Kind == catalog.StageUnit })
	return unit < 0 || entered <= unit
}
