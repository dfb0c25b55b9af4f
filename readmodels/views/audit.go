package views

import (
	"encoding/base32"
	"encoding/binary"
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

// EntryID is the document id of an entry. Ids order as the microseconds of their times do, and then as positions, so that
// no index has to hold the time again.
func EntryID(at time.Time, position uint64) string {
	var place [15]byte
	binary.BigEndian.PutUint64(place[:8], uint64(max(0, Micros(at)))<<8) // #nosec G115 -- not negative; seven bytes last for two thousand years
	binary.BigEndian.PutUint64(place[7:], position)
	return base32.HexEncoding.EncodeToString(place[:])
}

// Audits is found over a range of time, by actor or type or neither, in the order of its ids. The trail of one stream
// needs no view: it is the stream.
var Audits = readmodels.View[Audit]{
	Name: "audit", Version: 3, Since: 3,
	Indexes: []readmodels.Index{
		{Fields: []string{"actor"}},
		{Fields: []string{"type"}},
	},
	Fields: func(d *Audit) map[string]any { return map[string]any{"actor": d.Actor, "type": d.Type} },
}
