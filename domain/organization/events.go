package organization

import (
	"time"

	"zhiping/domain"
)

// Event is something that happened to an organization. The set is closed.
//
//sumtype:decl
type Event interface{ isEvent() }

// Created says that the organization was added to the tree.
type Created struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Kind   Kind   `json:"kind"`
	Parent string `json:"parent,omitempty"`
}

// Renamed says that the organization has another name.
type Renamed struct {
	Name string `json:"name"`
}

// OfficerGranted says that an account may act for the organization, until Expires if it is there. A later grant to
// the same account replaces an earlier one.
type OfficerGranted struct {
	Organization string      `json:"organization"`
	Account      string      `json:"account"`
	Role         domain.Role `json:"role"`
	Expires      *time.Time  `json:"expires,omitempty"`
}

// GrantRevoked says that an account may not act for the organization any more.
type GrantRevoked struct {
	Organization string      `json:"organization"`
	Account      string      `json:"account"`
	Role         domain.Role `json:"role"`
}

// Closed says that the organization takes part no more, and that nobody may act for it.
type Closed struct{}

// Reopened says that the organization takes part again, without officers.
type Reopened struct{}

func (Created) isEvent()        {}
func (Renamed) isEvent()        {}
func (OfficerGranted) isEvent() {}
func (GrantRevoked) isEvent()   {}
func (Closed) isEvent()         {}
func (Reopened) isEvent()       {}

// EventTypes lists the package's events under the names that they are stored with.
func EventTypes() []domain.EventType {
	return []domain.EventType{
		{Name: "OrganizationCreated", Version: 1, Zero: Created{}, Shown: domain.InAudit | domain.ToAnalysts},
		{Name: "OrganizationRenamed", Version: 1, Zero: Renamed{}, Shown: domain.InAudit | domain.ToAnalysts},
		{Name: "OfficerGranted", Version: 1, Zero: OfficerGranted{}, Shown: domain.InAudit},
		{Name: "GrantRevoked", Version: 1, Zero: GrantRevoked{}, Shown: domain.InAudit},
		{Name: "OrganizationClosed", Version: 1, Zero: Closed{}, Shown: domain.InAudit | domain.ToAnalysts},
		{Name: "OrganizationReopened", Version: 1, Zero: Reopened{}, Shown: domain.InAudit | domain.ToAnalysts},
	}
}
