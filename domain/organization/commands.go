package organization

import (
	"time"

	"zhiping/domain"
)

// Kind says what an organization does, in the review or beside it. The kinds and their roles are one table in package domain.
type Kind = domain.OrganizationKind

// The kinds of organization, as in package domain.
const (
	KindBureau         = domain.KindBureau
	KindDepartment     = domain.KindDepartment
	KindCommittee      = domain.KindCommittee
	KindUnit           = domain.KindUnit
	KindAdministration = domain.KindAdministration
	KindAudit          = domain.KindAudit
	KindAnalytics      = domain.KindAnalytics
)

// Command is asked of an organization. The set is closed.
//
//sumtype:decl
type Command interface {
	// command is the command's name in the policy table and in the audit trail. It is stored and never changes.
	command() string
}

// CommandName is the command's name in the policy table and in the audit trail.
func CommandName(c Command) string { return c.command() }

// Facts are what the executor looks up outside the organization's own stream.
type Facts struct {
	Now time.Time
	ID  string // of the organization to be created; a recommending unit's is its credit code
	By  string // the account that asks
	// Appointed says that the account to be an officer has had a hand in appointing the admin who asks, directly or through others.
	Appointed bool
	// ParentKind is the kind of the parent; empty where there is no such organization, or it is closed.
	ParentKind Kind
	Elsewhere  string // another organization that the account is an officer of now
	Below      bool   // open organizations lie below this one
	Waiting    bool   // declarations wait for this organization's decision
}

// Create adds an organization to the tree.
type Create struct {
	Name   string
	Kind   Kind
	Parent string
}

// Rename gives the organization another name.
type Rename struct{ Name string }

// GrantOfficer makes an account an officer of the organization, with the role that goes with its kind. Expires is
// nil for a grant without an end.
type GrantOfficer struct {
	Account string
	Expires *time.Time
}

// RevokeGrant ends an account's being an officer.
type RevokeGrant struct{ Account string }

// Close ends an organization and with it the power of all its officers.
type Close struct{}

// Reopen takes a closure back. The officers are granted anew.
type Reopen struct{}

func (Create) command() string       { return "CreateOrganization" }
func (Rename) command() string       { return "RenameOrganization" }
func (GrantOfficer) command() string { return "GrantOfficer" }
func (RevokeGrant) command() string  { return "RevokeGrant" }
func (Close) command() string        { return "CloseOrganization" }
func (Reopen) command() string       { return "ReopenOrganization" }
