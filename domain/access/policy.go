// Package access is the one place that says who may do what: a table of role × action × relation to the
// resource, which commands and queries both consult. What has no row is denied.
package access

import (
	"slices"

	"zhiping/domain"
)

// Relation is how the actor must stand to the resource for a row to apply.
type Relation string

// The relations.
const (
	Any         Relation = "any"         // no relation needed
	Own         Relation = "own"         // the actor is the applicant
	OfUnit      Relation = "of_unit"     // the actor's organization is the recommending unit, and somebody else the applicant
	Supervising Relation = "supervising" // the actor's organization is the resource's, its department, or lies above one of them
	Reviewing   Relation = "reviewing"   // the actor's organization has a stage of the review route, and somebody else is the applicant
	Overseeing  Relation = "overseeing"  // the declaration was ever submitted, and the actor's organization reviews or supervises it
)

// Resource is what relations are judged on. Fields that do not apply are empty, and an empty field relates to nobody.
type Resource struct {
	Applicant  string
	Unit       string   // credit code of the recommending unit
	Department string   // organization id
	Reviewers  []string // organization ids of the review route
	// Organization is the resource itself, where it is an organization, or where its work is meant.
	Organization string
}

// Action is what is asked: a command's name or a query's.
type Action string

// Grant is one cell of the table.
type Grant struct {
	Role     domain.Role
	Relation Relation
}

// Allowed tells whether the actor may do the action to the resource.
func Allowed(a domain.Actor, action Action, r Resource) bool {
	for _, g := range Policy[action] {
		if a.Has(g.Role) && related(a, g.Relation, r) {
			return true
		}
	}
	return false
}

// MayTry tells whether the actor holds a role that may do the action to some resource. Where it says no, the
// answer is “forbidden” whatever the resource; where it says yes and Allowed says no, the resource may have to
// be hidden.
func MayTry(a domain.Actor, action Action) bool {
	return slices.ContainsFunc(Policy[action], func(g Grant) bool { return a.Has(g.Role) })
}

// Decides tells whether the action is a decision on a stage of the review: every row of it asks for a stage of one's own.
func Decides(action Action) bool {
	rows := Policy[action]
	return len(rows) > 0 && !slices.ContainsFunc(rows, func(g Grant) bool { return g.Relation != Reviewing })
}

// As is the role that the actor does the action in: the first one held that may. Who is an applicant and an officer
// at once declares as the one and decides as the other.
func As(a domain.Actor, action Action) domain.Role {
	for _, have := range a.Roles {
		if slices.ContainsFunc(Policy[action], func(g Grant) bool { return g.Role == have }) {
			return have
		}
	}
	return ""
}

// below tells whether an organization is the actor's own or lies below it.
func below(a domain.Actor, id string) bool {
	return id != "" && a.Organization.ID != "" && (id == a.Organization.ID || slices.Contains(a.Within, id))
}

func related(a domain.Actor, rel Relation, r Resource) bool {
	org := a.Organization.ID
	switch rel {
	case Any:
		return true
	case Own:
		return r.Applicant != "" && a.ID == r.Applicant
	case OfUnit:
		return org != "" && org == r.Unit && a.ID != r.Applicant
	case Supervising:
		return below(a, r.Unit) || below(a, r.Department) || below(a, r.Organization)
	case Reviewing:
		return org != "" && slices.Contains(r.Reviewers, org) && a.ID != r.Applicant
	case Overseeing: // the route of a declaration is set when it is submitted; a draft is its applicant's alone
		return len(r.Reviewers) > 0 && org != "" && (slices.Contains(r.Reviewers, org) || related(a, Supervising, r))
	}
	return false
}
