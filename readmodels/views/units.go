package views

import (
	"time"

	"zhiping/domain"
	"zhiping/domain/unit"
	"zhiping/readmodels"
)

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
