package domain

import "slices"

// Organization names an organization: a recommending unit (its id is the credit code), a department, a bureau
// or a review committee.
type Organization struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Actor is the person or program that a command or a query comes from. Organization is empty where it acts for itself.
type Actor struct {
	ID           string
	Name         string
	Roles        []Role
	Organization Organization
	// Within lists the organizations below the actor's own, when it has any (a department's units).
	Within []string
}

// Has tells whether the actor holds the role.
func (a Actor) Has(r Role) bool {
	return slices.Contains(a.Roles, r)
}
