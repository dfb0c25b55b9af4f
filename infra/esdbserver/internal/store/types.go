package store

import (
	"errors"
	"fmt"
	"math"
)

// Expected revisions that are not a number, with the values the official server gives them.
const (
	Any          int64 = -2
	NoStream     int64 = -1
	StreamExists int64 = -4
)

const (
	// maxRevision is the revision of a tombstone, and a $tb of this value marks a soft delete.
	maxRevision = math.MaxInt64

	// MetadataType and the others are event types with a meaning to the store.
	MetadataType  = "$metadata"
	TombstoneType = "$streamDeleted"
	LinkType      = "$>"

	metaPrefix = "$$"
)

// Event is a stored event. Position orders all events; Revision orders those of one stream from 0 without gaps.
type Event struct {
	Position int64
	Stream   string
	Revision int64
	ID       [16]byte
	Type     string
	JSON     bool
	Created  int64 // 100 ns ticks since the Unix epoch, never decreasing
	Data     []byte
	Meta     []byte
}

// size is about what an event takes in memory, its small allocations included.
func (e *Event) size() int { return len(e.Data) + len(e.Meta) + len(e.Type) + len(e.Stream) + 200 }

// Proposed is an event to append.
type Proposed struct {
	ID   [16]byte
	Type string
	JSON bool
	Data []byte
	Meta []byte
}

// Result says where an append ended: the last event's revision and position. Revision is -1 when the stream has
// no events, which only an append of nothing can bring about.
type Result struct {
	Revision int64
	Position int64
}

// WrongExpectedError refuses a write whose expected revision does not hold. Current is -1 for no stream.
type WrongExpectedError struct {
	Stream            string
	Expected, Current int64
}

func (e *WrongExpectedError) Error() string {
	return fmt.Sprintf("stream %q: expected revision %d, current %d", e.Stream, e.Expected, e.Current)
}

// StreamDeletedError refuses access to a tombstoned stream, or a write that the deletion forbids.
type StreamDeletedError struct{ Stream string }

func (e *StreamDeletedError) Error() string { return fmt.Sprintf("stream %q is deleted", e.Stream) }

var (
	// ErrLocked is what opening a directory answers while another process, or another Store, has it open.
	ErrLocked = errors.New("data directory is in use by another process")
	// ErrClosed answers calls on a store that is closing.
	ErrClosed = errors.New("event store is closed")
	// ErrUnavailable answers a write that could not be made durable. Its outcome may be unknown; repeating it
	// with the same event ids is safe.
	ErrUnavailable = errors.New("event store cannot write")
	// ErrNotFound answers a read of a stream that has no events, or that is soft-deleted.
	ErrNotFound = errors.New("stream not found")
)
