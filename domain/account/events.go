package account

import (
	"time"

	"zhiping/domain"
)

// Origin says how a role came to be held, or not to be any more.
type Origin string

// The origins.
const (
	ByAdmin    Origin = "admin"           // an admin's decision
	ByOperator Origin = "operator"        // that of who holds the machine
	ByProvider Origin = "provider"        // the claims of the OpenID provider that Issuer names
	Before     Origin = "recorded_before" // it was held already when grants became events
)

// Event is something that happened to an account's roles. The set is closed.
//
//sumtype:decl
type Event interface{ isEvent() }

// RoleGranted says that the account holds a role, until Expires if it is there, for an organization where the role is an
// officer's. A later grant of the same replaces an earlier one. Issuer names the OpenID provider whose role it is to give
// and take; empty for what is given here.
type RoleGranted struct {
	Account      string              `json:"account"`
	Role         domain.Role         `json:"role"`
	Organization domain.Organization `json:"organization,omitzero"`
	Expires      *time.Time          `json:"expires,omitempty"`
	Origin       Origin              `json:"origin"`
	Issuer       string              `json:"issuer,omitempty"`
	By           string              `json:"by,omitempty"` // the account of the admin who granted it, where Origin is ByAdmin
}

// RoleRevoked says that the account holds a role no more.
type RoleRevoked struct {
	Account      string              `json:"account"`
	Role         domain.Role         `json:"role"`
	Organization domain.Organization `json:"organization,omitzero"`
	Origin       Origin              `json:"origin"`
	Issuer       string              `json:"issuer,omitempty"`
}

// OfficeClaimed says that an organization is about to make the account its officer, by a grant that was decided on that
// revision of the organization's stream. The office counts for as long as that grant may yet be stored, and then for as long as
// the organization's stream says so.
type OfficeClaimed struct {
	Account      string      `json:"account"`
	Organization string      `json:"organization"`
	Revision     uint64      `json:"revision"`
	Role         domain.Role `json:"role"`
	By           string      `json:"by"` // the account that appoints
}

func (RoleGranted) isEvent()   {}
func (RoleRevoked) isEvent()   {}
func (OfficeClaimed) isEvent() {}

// EventTypes lists the package's events under the names that they are stored with.
func EventTypes() []domain.EventType {
	return []domain.EventType{
		{Name: "RoleGranted", Version: 1, Zero: RoleGranted{}, Shown: domain.InAudit | domain.ToAnalysts},
		{Name: "RoleRevoked", Version: 1, Zero: RoleRevoked{}, Shown: domain.InAudit | domain.ToAnalysts},
		{Name: "OfficeClaimed", Version: 1, Zero: OfficeClaimed{}, Shown: domain.Nowhere},
	}
}
