package views

import (
	"time"

	"github.com/google/uuid"

	"zhiping/domain/notice"
	"zhiping/readmodels"
)

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
