package domain

import (
	"time"

	"github.com/google/uuid"
)

// Role is what an account may be; an officer's role is held for one organization.
type Role string

// The roles of the HTTP contract.
const (
	Applicant  Role = "applicant"  // 个人
	Unit       Role = "unit"       // 推荐单位经办人
	Department Role = "department" // 业务主管部门
	Bureau     Role = "bureau"     // 人社部门
	Committee  Role = "committee"  // 评委会
	Auditor    Role = "auditor"
	Analyst    Role = "analyst"
	Admin      Role = "admin"
	System     Role = "system"   // the program itself: seeding, reactions
	Operator   Role = "operator" // who holds the machine, at its command line
)

// Roles lists every role that an account can hold.
func Roles() []Role {
	return []Role{Applicant, Unit, Department, Bureau, Committee, Auditor, Analyst, Admin}
}

// Organization names an organization: a recommending unit (its id is the credit code), a department, a bureau
// or a review committee.
type Organization struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Actor is who asks. Organization is empty for those who act for themselves.
type Actor struct {
	ID           string
	Name         string
	Roles        []Role
	Organization Organization
	// Within lists the organizations below the actor's own, when it has any (a department's units).
	Within []string
}

// Has tells whether the actor holds the role.
func (a Actor) Has(r Role) bool {
	for _, have := range a.Roles {
		if have == r {
			return true
		}
	}
	return false
}

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
}
