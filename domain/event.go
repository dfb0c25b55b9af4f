package domain

import (
	"time"

	"github.com/google/uuid"
)

// Metadata is what every event of ours carries beside its data (design decision 10). It is stored as the
// event's JSON metadata; EventStoreDB's own $correlationId and $causationId conventions name two of the fields.
type Metadata struct {
	At            time.Time    `json:"at"` // when the command was decided, UTC
	Actor         string       `json:"actor"`
	ActorName     string       `json:"actorName,omitempty"`
	Role          Role         `json:"role,omitempty"`
	Organization  Organization `json:"organization,omitzero"`
	IP            string       `json:"ip,omitempty"`
	CorrelationID string       `json:"$correlationId,omitempty"`
	CausationID   string       `json:"$causationId,omitempty"`
	CommandID     uuid.UUID    `json:"commandId"`
	Command       string       `json:"command,omitempty"`     // the command's name, e.g. SubmitDeclaration
	Fingerprint   string       `json:"fingerprint,omitempty"` // hash of the command as sent, tells a retry from a reused key
	Traceparent   string       `json:"traceparent,omitempty"` // W3C trace context
	SchemaVersion int          `json:"schemaVersion"`
}

// Recorded is an event as the store holds it.
type Recorded struct {
	Stream   string
	Revision uint64 // zero-based number within the stream
	Position uint64 // commit position in $all; only ever compared, never computed with
	ID       uuid.UUID
	Type     string // the stable event name
	At       time.Time
	Meta     Metadata
	Event    any // the newest struct of that type, after upcasting; nil where only the metadata was read
}

// Proposed is an event on its way into the store. Its id makes a repeated append recognisable.
type Proposed struct {
	ID    uuid.UUID
	Type  string
	Meta  Metadata
	Event any
}

// EventType names one kind of event for good. Each aggregate lists its own; the codec joins the lists.
type EventType struct {
	Name    string // stable: renaming a Go type never changes it
	Version int    // the schema version that Zero has now
	Zero    any    // the newest struct, as a value
	// Upcast turns the JSON of version n into that of n+1, by n. Stored events are never rewritten.
	Upcast map[int]func(data []byte) ([]byte, error)
	// Shown says which readers outside the views get something of the event's data. Each of their tables is checked
	// against it, so that a forgotten case is a failing test and not silence.
	Shown Shown
}

// Shown is a set of the tables in which an event stands. The zero value is a fault: what is shown nowhere says so.
type Shown uint8

// The tables. The sentence event.<Name> of the audit trail is no matter of choice: every event has one.
const (
	Nowhere    Shown = 1 << iota // on purpose
	InAudit                      // it changes values in the audit trail (readmodels/trail)
	ToAnalysts                   // the feed shows analysts something of it, without persons (http)
	InMessage                    // it makes a message to the applicant (infra/notify)
)
