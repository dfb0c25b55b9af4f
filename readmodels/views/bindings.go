package views

import (
	"time"

	"zhiping/domain"
	"zhiping/domain/binding"
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
