package commands

import (
	"context"
	"errors"

	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/domain/catalog"
)

// NoStream is the expected revision of a stream that must not exist yet.
const NoStream int64 = -1

// EventStore is what the executor needs of an event store. Safe for concurrent use.
type EventStore interface {
	// Read returns the stream's events from a revision on, in order; none for a stream that does not exist.
	Read(ctx context.Context, stream string, from uint64) ([]domain.Recorded, error)
	// Append writes all events or none, durably, if the stream's last revision is the expected one (NoStream for
	// none), and answers ErrConflict otherwise. An append whose event ids are already there succeeds again.
	Append(ctx context.Context, stream string, expected int64, events []domain.Proposed) (Appended, error)
}

// Appended says where an append ended.
type Appended struct {
	Revision uint64 // of the last event
	Position uint64 // of the last event in $all
}

// People tells who accounts belong to. Safe for concurrent use.
type People interface {
	// Registered answers the name and the identity number that an account was registered with; the zero Person for
	// one that was registered without a number, or is not kept here.
	Registered(ctx context.Context, account string) (catalog.Person, error)
	// Standing answers what it depends on whether an account may be given a role, or be left without one.
	Standing(ctx context.Context, account string) (Standing, error)
}

// Standing is how an account stands. The zero Standing is that of no account.
type Standing struct {
	Known      bool // and not erased
	Disabled   bool
	Office     string // the organization that it is an officer of now; empty for none
	OtherAdmin bool   // another account that is not disabled is itself an admin, without an end
	// Roles are those that sign-in goes by, without what it has from organizations and from registration.
	Roles []account.Held
}

// Errors of the event store. Adapters answer with these, wrapped with context once.
var (
	ErrConflict         = errors.New("commands: the stream is not at the expected revision")
	ErrStoreUnavailable = domain.NewError(domain.Unavailable, "event_store_unavailable")
	// ErrHistoryIncomplete: the stream's events do not begin where they were asked for, have a gap, or were deleted. Nothing
	// is decided on half a history.
	ErrHistoryIncomplete = domain.NewError(domain.Conflict, "history_incomplete")
	// ErrNewerHistory: the stream has an event that this version of the program cannot read. A newer node can.
	ErrNewerHistory = domain.NewError(domain.Conflict, "history_of_newer_version")
	ErrTooLarge     = domain.NewError(domain.TooLarge, "append_too_large")
)
