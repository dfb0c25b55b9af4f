package views

import (
	"time"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/binding"
	"zhiping/domain/notice"
	"zhiping/domain/unit"
	"zhiping/readmodels"
)

// Binding is an applicant's binding; its document id is the applicant's id.
type Binding struct {
	Applicant   domain.Organization `json:"applicant"`
	Unit        domain.Organization `json:"unit"`
	Status      binding.Status      `json:"status"`
	Opinion     string              `json:"opinion,omitempty"` // of the last refusal
	RequestedAt time.Time           `json:"requestedAt,omitzero"`
	DecidedAt   time.Time           `json:"decidedAt,omitzero"`
	Requested   int64               `json:"requested"` // position of the request: the list's order
	Revision    uint64              `json:"revision"`
}

// Bindings is found by unit and status, oldest request first.
var Bindings = readmodels.View[Binding]{
	Name: "bindings", Version: 1,
	Indexes: []readmodels.Index{{Fields: []string{"unit", "status", "requested"}}, {Fields: []string{"unit", "requested"}}},
	Fields: func(d *Binding) map[string]any {
		return map[string]any{"unit": d.Unit.ID, "status": string(d.Status), "requested": d.Requested}
	},
}

// Unit is a recommending unit; its document id is the credit code.
type Unit struct {
	USCC         string              `json:"uscc"`
	Name         string              `json:"name"`
	Department   domain.Organization `json:"department"`
	Status       unit.Status         `json:"status"`
	RegisteredAt time.Time           `json:"registeredAt"`
	ApprovedAt   time.Time           `json:"approvedAt,omitzero"`
	Registered   int64               `json:"registered"` // position: the list's order
	Revision     uint64              `json:"revision"`
}

// Units is found by department and status, oldest registration first.
var Units = readmodels.View[Unit]{
	Name: "units", Version: 1,
	Indexes: []readmodels.Index{
		{Fields: []string{"status", "registered"}},
		{Fields: []string{"department", "status", "registered"}},
	},
	Fields: func(d *Unit) map[string]any {
		return map[string]any{"department": d.Department.ID, "status": string(d.Status), "registered": d.Registered}
	},
}

// Notice is a notice with the definition that it was published with.
type Notice struct {
	ID          uuid.UUID    `json:"id"`
	State       notice.State `json:"state"`
	Created     int64        `json:"created"` // position of the first event: the list's order
	PublishedAt time.Time    `json:"publishedAt,omitzero"`
	UpdatedAt   time.Time    `json:"updatedAt"`
	Revision    uint64       `json:"revision"`
}

// Notices is found by type and status, newest first.
var Notices = readmodels.View[Notice]{
	Name: "notices", Version: 2,
	Indexes: []readmodels.Index{
		{Fields: []string{"created"}},
		{Fields: []string{"type", "created"}},
		{Fields: []string{"status", "created"}},
		{Fields: []string{"status", "type", "created"}},
	},
	Fields: func(d *Notice) map[string]any {
		return map[string]any{"type": d.State.Content.Type, "status": string(d.State.Status), "created": d.Created}
	},
}
