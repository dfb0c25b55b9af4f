package views

import (
	"time"

	"zhiping/domain"
	"zhiping/domain/organization"
	"zhiping/readmodels"
)

// Officer is an account that may act for an organization. Expires is zero for a grant without an end. Names are not
// here, since accounts must be deletable.
type Officer struct {
	Account   string      `json:"account"`
	Role      domain.Role `json:"role"`
	Expires   time.Time   `json:"expires,omitzero"`
	GrantedAt time.Time   `json:"grantedAt"`
	GrantedBy string      `json:"grantedBy"` // account id
}

// Organization is a node of the tree of organizations with its officers.
type Organization struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Kind     organization.Kind `json:"kind"`
	Parent   string            `json:"parent,omitempty"`
	Closed   bool              `json:"closed,omitempty"`
	Officers []Officer         `json:"officers,omitempty"` // in the order of their first grant
	Created  int64             `json:"created"`            // position: the list's order
	Revision uint64            `json:"revision"`
}

// Organizations is found by parent ("" for the roots) and by kind, oldest first.
var Organizations = readmodels.View[Organization]{
	Name: "organizations", Version: 1,
	Indexes: []readmodels.Index{
		{Fields: []string{"created"}},
		{Fields: []string{"parent", "created"}},
		{Fields: []string{"kind", "created"}},
		{Fields: []string{"parent", "kind", "created"}},
		{Fields: []string{"parent", "closed"}},
	},
	Fields: func(d *Organization) map[string]any {
		return map[string]any{"parent": d.Parent, "kind": string(d.Kind), "closed": d.Closed, "created": d.Created}
	},
}
