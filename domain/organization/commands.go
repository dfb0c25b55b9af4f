package organization

import (
	"time"

	"zhiping/domain"
)

// Kind says what an organization does, in the review or beside it.
type Kind string

// The kinds of organization.
const (
	KindBureau     Kind = "bureau"
	KindDepartment Kind = "department"
	KindCommittee  Kind = "committee"
	KindUnit       Kind = "unit"
	// These take no part in the review: their officers run the system, audit it, and study its figures.
	KindAdministration Kind = "administration"
	KindAudit          Kind = "audit"
	KindAnalytics      Kind = "analytics"
)

// Role is the role that officers of this kind of organization hold; empty for an unknown kind.
func (k Kind) Role() domain.Role {
	switch k {
	case KindBureau:
		return domain.Bureau
	case KindDepartment:
		return domain.Department
	case KindCommittee:
		return domain.Committee
	case KindUnit:
		return domain.Unit
	case KindAdministration:
		return domain.Admin
	case KindAudit:
		return domain.Auditor
	case KindAnalytics:
		return domain.Analyst
	}
	return ""
}

// Command is asked of an organization. The set is closed.
//
//sumtype:decl
type Command interface{ isCommand() }

// Create adds an organization to the tree. A recommending unit's id is its credit code. ParentKind is the looked-up
// fact of what its parent is, empty when there is no such organization or it has been closed.
type Create struct {
	ID         string
	Name       string
	Kind       Kind
	Parent     string
	ParentKind Kind `json:"-"`
}

// Rename gives the organization another name.
type Rename struct{ Name string }

// GrantOfficer makes an account an officer of the organization, with the role that goes with its kind. Expires is
// nil for a grant without an end. Now and Elsewhere, the other organization that the account is an officer of now,
// are looked-up facts.
type GrantOfficer struct {
	Account   string
	Expires   *time.Time
	Now       time.Time `json:"-"`
	Elsewhere string    `json:"-"`
	By        string    `json:"-"` // who appoints
}

// RevokeGrant ends an account's being an officer.
type RevokeGrant struct{ Account string }

// Close ends an organization and with it the power of all its officers. Below and Waiting are looked-up facts: open
// organizations lie below it, declarations wait for its decision.
type Close struct {
	Below   bool `json:"-"`
	Waiting bool `json:"-"`
}

// Reopen takes a closure back. The officers are granted anew. ParentKind is what its parent is, as for Create.
type Reopen struct {
	ParentKind Kind `json:"-"`
}

func (Create) isCommand()       {}
func (Rename) isCommand()       {}
func (GrantOfficer) isCommand() {}
func (RevokeGrant) isCommand()  {}
func (Close) isCommand()        {}
func (Reopen) isCommand()       {}
