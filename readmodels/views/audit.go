package views

import (
	"fmt"
	"time"

	"zhiping/readmodels"
)

// Audit says where the event of an entry of the audit trail is. What the entry shows is made from the events of its
// stream when somebody asks (package trail), so that nothing personal is stored twice.
type Audit struct {
	Position uint64    `json:"position"`
	Stream   string    `json:"stream"`
	Revision uint64    `json:"revision"`
	Type     string    `json:"type"`
	Actor    string    `json:"actor"`
	At       time.Time `json:"at"`
}

// EntryID is the document id of the entry at a position: padded, so that ids order as positions do.
func EntryID(position uint64) string { return fmt.Sprintf("e%020d", position) }

// Audits is found over a range of time, by actor or type or neither; the document id breaks ties in $all order. The
// trail of one stream needs no view: it is the stream.
var Audits = readmodels.View[Audit]{
	Name: "audit", Version: 2,
	Indexes: []readmodels.Index{
		{Fields: []string{"at"}},
		{Fields: []string{"actor", "at"}},
		{Fields: []string{"type", "at"}},
	},
	Fields: func(d *Audit) map[string]any {
		return map[string]any{"at": Micros(d.At), "actor": d.Actor, "type": d.Type}
	},
}
