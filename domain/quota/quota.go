// Package quota holds the places that one unit has under one notice (推荐名额), so that it never passes on more
// declarations than it has places, however many of its officers decide at once and wherever.
//
// Every stream that decides something is guarded by its own expected revision; a quota is a rule over many
// declarations, so it has a stream of its own, which serializes them. An officer's approval first claims a place here
// for the declaration at the revision that the approval was decided on, and is then appended at exactly that revision
// of the declaration. The claim is a fence:
//
//   - While the declaration is still at that revision, the approval may yet come: it is on its way on some node, or a
//     crash came in between. The place is taken.
//   - Once the declaration has moved beyond it, an approval at that revision can never be appended any more. Either it
//     is what moved the declaration, which then has a place for as long as it is passed on, or it never happened, and
//     the claim is void. The declaration's own stream tells which.
//
// So a place is given back by the declaration moving on, without a second event that a crash could lose. A claim that
// a crash left behind keeps its place until the officer approves that declaration again, which claims nothing twice,
// or decides otherwise on it.
//
// How the declarations with a claim stand is looked up after this stream was read, and the claim is appended where
// that reading ended. What has no claim that can still come true cannot come to hold a place in between, since it
// would have to claim one here first; so the count may be too high by then, and is never too low.
package quota

import (
	"maps"

	"github.com/google/uuid"

	"zhiping/domain"
)

// ID names a unit's quota under a notice within the category of quotas.
func ID(notice uuid.UUID, unit string) string { return notice.String() + "." + unit }

// Command is asked of a quota. The set is closed.
//
//sumtype:decl
type Command interface {
	// command is the command's name in the policy table and in the audit trail. It is stored and never changes.
	command() string
}

// CommandName is the command's name in the policy table and in the audit trail.
func CommandName(c Command) string { return c.command() }

// Claim asks for a place for a declaration, whose approval was decided on a revision of its stream.
type Claim struct {
	Notice      uuid.UUID
	Unit        domain.Organization
	Declaration uuid.UUID
	Revision    uint64
}

// Facts are what the executor looks up outside the quota's own stream.
type Facts struct {
	Places int // how many the notice gives to the unit
	// PassedOn are declarations that the unit has passed on, by an index; those without a claim are from before there
	// were claims.
	PassedOn []uuid.UUID
	// Standing is how the declarations with a claim stand that PassedOn does not name.
	Standing map[uuid.UUID]Standing
}

// Standing is how a declaration with a claim stands, by its own stream.
type Standing struct {
	Revision uint64 // the last one
	PassedOn bool   // by this unit
}

func (Claim) command() string { return "ClaimPlace" }

// Event is something that happened to a quota. The set is closed.
//
//sumtype:decl
type Event interface{ isEvent() }

// PlaceClaimed says that a place is kept for the unit's approval of a declaration, decided on that revision of it.
type PlaceClaimed struct {
	Notice      uuid.UUID           `json:"notice"`
	Unit        domain.Organization `json:"unit"`
	Declaration uuid.UUID           `json:"declaration"`
	Revision    uint64              `json:"revision"`
}

func (PlaceClaimed) isEvent() {}

// EventTypes lists the package's events under the names that they are stored with.
func EventTypes() []domain.EventType {
	return []domain.EventType{{Name: "PlaceClaimed", Version: 1, Zero: PlaceClaimed{}, Shown: domain.InAudit | domain.ToAnalysts}}
}

// State is a quota as its events tell it: the newest revision of each declaration that a place was claimed on. The
// zero State is a quota of which nothing was claimed.
type State struct {
	Claims map[uuid.UUID]uint64
}

// Evolve folds one event into the state. Of two claims for one declaration the one on the newer revision counts, in
// whatever order they came: the other's approval cannot be appended any more.
func Evolve(s State, e Event) State {
	claimed, ok := e.(PlaceClaimed)
	if !ok {
		panic("quota: event of an unknown type")
	}
	claims := maps.Clone(s.Claims)
	if claims == nil {
		claims = map[uuid.UUID]uint64{}
	}
	claims[claimed.Declaration] = max(claims[claimed.Declaration], claimed.Revision)
	return State{Claims: claims}
}
