package account

import (
	"time"

	"zhiping/domain"
)

// Command is asked of an account's roles. The set is closed.
//
//sumtype:decl
type Command interface {
	// command is the command's name in the policy table and in the audit trail. It is stored and never changes.
	command() string
}

// CommandName is the command's name in the policy table and in the audit trail.
func CommandName(c Command) string { return c.command() }

// Facts are what the commands depend on beyond the account's own events.
type Facts struct {
	Now     time.Time
	Account string // whose roles they are
	Origin  Origin // of what is decided now
	Self    bool   // the account asks for itself
	By      string // the account that asks
	// Appointed says that the account has had a hand in appointing the admin who asks, directly or through others.
	Appointed bool

	Known      bool // there is such an account, and nobody has erased it
	Disabled   bool
	OtherAdmin bool // somebody else who is not disabled is an admin by an event like these, without an end
	// OfficeHeld says that the organization of State.Office has the account for an officer, or may yet come to have it by the
	// grant that claimed the office.
	OfficeHeld bool
	// Recorded is what sign-in goes by, which may hold what was granted before grants became events.
	Recorded []Held
}

// Grant gives the account a role, or another end to one that it has. Expires is nil for a grant without an end.
type Grant struct {
	Role    domain.Role
	Expires *time.Time
}

// Revoke takes a role away that was given here.
type Revoke struct {
	Role domain.Role
}

// RevokeAll takes all roles away, wherever they came from, from an account that is about to be erased.
type RevokeAll struct{}

// Claim says which roles the claims of an OpenID provider give now, and no others of its.
type Claim struct {
	Issuer string
	Roles  []Claimed
}

// Claimed is a role by a claim, for an organization where it is an officer's.
type Claimed struct {
	Role         domain.Role
	Organization domain.Organization
}

// Record tells of a role that was given before grants became events.
type Record struct {
	Role    domain.Role
	Expires *time.Time
}

// ClaimOffice claims the account's one office for a grant that was decided on a revision of the organization's stream.
type ClaimOffice struct {
	Organization string
	Revision     uint64
	Role         domain.Role
}

func (ClaimOffice) command() string { return "ClaimOffice" }
func (Grant) command() string       { return "GrantRole" }
func (Revoke) command() string      { return "RevokeRole" }
func (RevokeAll) command() string   { return "RevokeRoles" }
func (Claim) command() string       { return "ClaimRoles" }
func (Record) command() string      { return "RecordRole" }
