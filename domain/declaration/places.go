package declaration

import (
	"slices"

	"zhiping/domain/catalog"
)

// TakesPlace tells whether passing the declaration on now takes one of the unit's places under its notice.
func TakesPlace(s State, f Facts) bool {
	stage, _, ok := s.Current()
	return ok && stage.Kind == catalog.StageUnit && f.Notice.Bounded
}

// PassedOn tells whether a declaration takes one of its unit's places after an event, and whether it did before. A
// place is given back by a submission that the unit has to pass on again, not by a return or a refusal above it.
func PassedOn(before bool, e Event) bool {
	switch e := e.(type) {
	case StageApproved:
		return before || e.Stage == catalog.StageUnit
	case Submitted:
		entered := slices.IndexFunc(e.Route, func(st Stage) bool { return st.Key == e.Stage })
		unit := slices.IndexFunc(e.Route, func(st Stage) bool { return st.Kind == catalog.StageUnit })
		return before && unit >= 0 && entered > unit
	}
	return before
}
