package views

import (
	"time"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/domain/text"
	"zhiping/readmodels"
)

// Work is a declaration that waits for an organization's decision. While it waits for nobody, Organization is
// empty and no query finds it.
type Work struct {
	ID        uuid.UUID             `json:"id"`
	Number    string                `json:"number"`
	Notice    declaration.NoticeRef `json:"notice"`
	Applicant domain.Organization   `json:"applicant"`
	Unit      domain.Organization   `json:"unit"`
	declaration.Progress
	StageName    text.Text           `json:"stageName"`
	Last         bool                `json:"last"` // the route's last stage: ApproveFinal instead of ApproveStage
	Organization domain.Organization `json:"organization"`
	SubmittedAt  time.Time           `json:"submittedAt"`
	EnteredAt    time.Time           `json:"enteredAt"`
	Entered      int64               `json:"entered"` // position at which it came to this stage: the list's order
	Route        []declaration.Stage `json:"route"`
	Revision     uint64              `json:"revision"`
}

// Worklists is found by organization, optionally by type, oldest first. What waits for an organization is nearly always at
// the one stage that it holds.
var Worklists = readmodels.View[Work]{
	Name: "worklist", Version: 3,
	Indexes: []readmodels.Index{
		{Fields: []string{"organization", "entered"}},
		{Fields: []string{"organization", "type", "entered"}},
	},
	Fields: func(d *Work) map[string]any {
		if d.Organization.ID == "" {
			return nil
		}
		return map[string]any{
			"organization": d.Organization.ID, "type": d.Notice.Type, "entered": d.Entered,
		}
	},
}
