package declaration

import "zhiping/domain/catalog"

// TakesPlace tells whether passing the declaration on now takes one of the unit's places under its notice.
func TakesPlace(s State, f Facts) bool {
	stage, _, ok := s.Current()
	return ok && stage.Kind == catalog.StageUnit && f.Notice.Bounded
}
