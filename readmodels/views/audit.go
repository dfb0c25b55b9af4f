package views

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"zhiping/domain/text"
	"zhiping/readmodels"
)

// Change is one value that an event changed. Path is a JSON pointer into the state; before or after is absent
// where the value was added or taken away.
type Change struct {
	Path   string          `json:"path"`
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// Entry is one event as the audit trail shows it.
type Entry struct {
	Position       uint64    `json:"position"`
	Stream         string    `json:"stream"`
	StreamRevision uint64    `json:"streamRevision"`
	EventID        uuid.UUID `json:"eventId"`
	Type           string    `json:"type"`
	At             time.Time `json:"at"`
	Actor          Actor     `json:"actor"`
	IP             string    `json:"ip,omitempty"`
	CorrelationID  string    `json:"correlationId,omitempty"`
	CausationID    string    `json:"causationId,omitempty"`
	Command        string    `json:"command,omitempty"`
	Summary        text.Text `json:"summary"`
	Changes        []Change  `json:"changes"`
}

// Audit is a document of the audit view: an entry, or what the next entry of a stream is compared with. Only
// entries have indexed fields, so queries find nothing else.
type Audit struct {
	Entry  *Entry                     `json:"entry,omitempty"`
	Before map[string]json.RawMessage `json:"before,omitempty"` // by path of the stream's state
}

// EntryID is the document id of the entry at a position: padded, so that ids order as positions do.
func EntryID(position uint64) string { return fmt.Sprintf("e%020d", position) }

// Audits is found by stream in the stream's own order, and by actor or type over a range of time, where the
// document id breaks ties in $all order.
var Audits = readmodels.View[Audit]{
	Name: "audit", Version: 1,
	Indexes: []readmodels.Index{
		{Fields: []string{"at"}},
		{Fields: []string{"stream", "position"}},
		{Fields: []string{"actor", "at"}},
		{Fields: []string{"type", "at"}},
	},
	Fields: func(d *Audit) map[string]any {
		if d.Entry == nil {
			return nil
		}
		return map[string]any{
			"at": Micros(d.Entry.At), "position": int64(d.Entry.Position), "stream": d.Entry.Stream, "actor": d.Entry.Actor.ID, "type": d.Entry.Type,
		}
	},
}
