package account

import (
	"time"

	"zhiping/domain"
)

// Command is asked of an account's roles. The set is closed.
//
//sumtype:decl
type Command interface{ isCommand() }

// Facts are what the commands depend on beyond the account's own events.
type Facts struct {
	Now     time.Time
	Account string // whose roles they are
	Origin  Origin // of what is decided now
	Self    bool   // whoever asks, asks for themselves

	Known      bool // there is such an account, and nobody has erased it
	Disabled   bool
	OtherAdmin bool // somebody else who is not disabled is an admin by an event like these, without an end
	// Recorded is what sign-in goes by, which may hold what was granted before grants became events.
	Recorded []Held
}

// Grant gives the account a role, or another end to one that it has. Expires is nil for a grant without an end.
type Grant struct {
	Role    domain.Role
	Expires *time.Time
	Facts   Facts `json:"-"`
}

// Revoke takes a role away that was given here.
type Revoke struct {
	Role  domain.Role
	Facts Facts `json:"-"`
}

// RevokeAll takes all roles away, wherever they came from, from an account that is about to be erased.
type RevokeAll struct {
	Facts Facts `json:"-"`
}

// Claim says which roles the claims of an OpenID provider give now, and no others of its.
type Claim struct {
	Issuer string
	Roles  []Claimed
	Facts  Facts `json:"-"`
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
	Facts   Facts `json:"-"`
}

func (Grant) isCommand()     {}
func (Revoke) isCommand()    {}
func (RevokeAll) isCommand() {}
func (Claim) isCommand()     {}
func (Record) isCommand()    {}
