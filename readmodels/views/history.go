package views

import (
	"time"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/readmodels"
)

// History is a row of the applicant's 申报历史信息列表, and of what an organization oversees.
type History struct {
	ID         uuid.UUID             `json:"id"`
	Applicant  domain.Organization   `json:"applicant"`
	Committee  string                `json:"committee,omitempty"` // id of the one on its review route
	Number     string                `json:"number"`
	Notice     declaration.NoticeRef `json:"notice"`
	Unit       domain.Organization   `json:"unit"`
	Department string                `json:"department"` // id of the unit's
	declaration.Progress
	StartedAt   time.Time `json:"startedAt"`
	SubmittedAt time.Time `json:"submittedAt,omitzero"`
	UpdatedAt   time.Time `json:"updatedAt"`
	Created     int64     `json:"created"` // position of the first event: the list's order
	Revision    uint64    `json:"revision"`
}

// Histories is found by applicant, newest first, and by notice and unit where it was passed on; since the first submission it is found
// by unit, department and committee too. A person has so few that no index for their status or type would pay for being
// kept.
var Histories = readmodels.View[History]{
	Name: "history", Version: 6,
	Indexes: []readmodels.Index{
		{Fields: []string{"applicant", "created"}},
		{Fields: []string{"notice", "unit", "passedOn", "created"}},
		{Fields: []string{"unit", "created"}},
		{Fields: []string{"department", "created"}},
		{Fields: []string{"committee", "created"}},
	},
	Fields: func(d *History) map[string]any {
		fields := map[string]any{
			"applicant": d.Applicant.ID, "created": d.Created, "notice": d.Notice.ID.String(), "passedOn": d.PassedOn,
		}
		if !d.SubmittedAt.IsZero() {
			fields["unit"], fields["department"], fields["committee"] = d.Unit.ID, d.Department, d.Committee
		}
		return fields
	},
}
