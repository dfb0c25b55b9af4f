// Package readmodels holds the view documents, their queries, and the Store port that keeps them. Adapters live
// in sqlite/ and mongo/ and pass the contract in storetest/. It may import domain, never commands, http or infra.
package readmodels

import (
	"context"
	"errors"
	"reflect"
)

// Spec is a view as an adapter sees it: one collection of documents. A new Version of the same Name is a new
// collection, so that it can be built beside the live one.
type Spec struct {
	Name    string
	Version int
	// Since is the oldest version that this code can read: while an older one is live, and Version is being built, reads
	// are ErrRebuilding. Zero is any.
	Since int
	// Indexes that the store creates on opening. A Find is served by an index that consists of the query's
	// equality fields in any order, followed by its sort field if it has one (a longer index would not keep the
	// ids in order behind equal values); a Count by one that starts with its equality fields. Anything else is
	// ErrNoIndex. Reading all of a view by id needs no index.
	Indexes []Index
	// New returns a pointer to an empty document, for decoding. Documents are kept as encoding/json writes them; a
	// reader that only passes them on uses a *json.RawMessage and is spared the decoding.
	New func() any
	// Type is the type of what New returns.
	Type reflect.Type
	// Fields extracts the indexed fields of a document: string, int64 or bool by field name. A missing field
	// is not indexed under it, so that no query on that field finds the document. Only fields named by Indexes
	// count.
	Fields func(doc any) map[string]any
}

// Index lists field names in order; a query may run it both ways. The document id breaks ties.
type Index struct{ Fields []string }

// Document is a stored document: a pointer as Spec.New made it, and the position of the last event it includes.
// Documents are shared: whoever gets one must not change it.
type Document struct {
	ID       string
	Position uint64
	Doc      any
	// Sort is the value of the field that Find sorted by, for the Key of the next page; nil otherwise.
	Sort any
}

// Query finds documents by equality on some fields and an optional range on the sort field. It lists only
// documents that have all the fields it names. Pages are not one snapshot: what is added behind the cursor while
// someone turns pages appears, what is added before it does not, and nothing else is skipped or repeated.
type Query struct {
	Equal map[string]any
	// In optionally widens a field's equality to any of several values (at most MaxIn combinations in all).
	In map[string][]any
	// Sort names the field to order by; empty sorts by id.
	Sort string
	Desc bool
	// From and To bound the sort field, both inclusive; nil means unbounded.
	From, To any
	// After continues behind the place where an earlier page ended.
	After *Key
	// Limit is the most documents to return, 1 to MaxLimit.
	Limit int
}

// Bounds of a query, so that none can take a store down.
const (
	MaxIn    = 200
	MaxLimit = 10_000
)

// Key is a place in a sorted list: the sort field's value and the id.
type Key struct {
	Value any
	ID    string
}

// Put stores a document, replacing the one with the same id.
type Put struct {
	ID       string
	Position uint64
	Doc      any
}

// Batch is what one view commits at once. Checkpoint is the position up to which the view is complete after it; a
// lower one than is stored does not turn it back. A put or delete that is older than what is stored under its id
// is passed over, deletions being remembered for that; one at the same position replaces. An id occurs once.
type Batch struct {
	Name       string
	Version    int
	Puts       []Put
	Deletes    []Put // ID and Position only
	Checkpoint uint64
	// Token is the fencing token of the lease under which the batch was made; 0 where there is only one process.
	// A store that has seen a higher one for this version of the view answers ErrFenced and writes nothing. A
	// new leader whose first Commit repeats the checkpoint, without documents, fences the former one off at once.
	Token uint64
}

// Errors of the port.
var (
	// ErrNoIndex: the query is not served by a declared index. A programming error, found by a test.
	ErrNoIndex = errors.New("readmodels: no declared index serves this query")
	// ErrNoView: this version of the view was never opened here, or has been dropped.
	ErrNoView = errors.New("readmodels: no such version of the view")
	// ErrQuery: the query, the document's fields or the view's declaration is malformed. A programming error.
	ErrQuery = errors.New("readmodels: malformed")
	// ErrFenced: a newer leader has taken the view over.
	ErrFenced = errors.New("readmodels: fenced off by a newer leader")
	// ErrUnavailable: the store cannot be reached now; wraps the cause.
	ErrUnavailable = errors.New("readmodels: store unavailable")
)

// Reader is what queries need. Safe for concurrent use.
type Reader interface {
	// Get returns the documents with these ids that exist, by id. With one id it is a point read. A view that
	// this process never opened is read by its name and version too, as an earlier process declared it.
	Get(ctx context.Context, view Spec, ids ...string) (map[string]Document, error)
	// Find returns at most Limit documents in order.
	Find(ctx context.Context, view Spec, q Query) ([]Document, error)
	// Count counts documents by equality, served by an index too; it stops counting at max (0: no bound).
	Count(ctx context.Context, view Spec, equal map[string]any, max int) (int, error)
	// Checkpoint is the view's position, and whether it was ever committed to.
	Checkpoint(ctx context.Context, name string, version int) (uint64, bool, error)
}

// Writer is what the projector needs. Commit makes all batches visible and durable together, or none of them;
// an adapter without multi-document transactions commits documents first, each guarded by its position, and
// the checkpoint last, so that replaying is harmless.
type Writer interface {
	Commit(ctx context.Context, batches ...Batch) error
}

// Store is a read store. Safe for concurrent use.
type Store interface {
	Reader
	Writer
	Leases
	// Open declares views: collections and indexes are created where missing, indexes no longer declared are
	// dropped. An index over a field that this version has not kept so far is refused: raise the version.
	Open(ctx context.Context, views ...Spec) error
	// Live and SetLive name the version of a view that queries read, shared by every node. SetLive answers
	// ErrFenced to a token lower than one that it has seen for this name.
	Live(ctx context.Context, name string) (version int, ok bool, err error)
	SetLive(ctx context.Context, name string, version int, token uint64) error
	// Drop removes a version's collection and checkpoint; dropping what is not there does nothing.
	Drop(ctx context.Context, name string, version int) error
	// Ping tells whether the store can be reached.
	Ping(ctx context.Context) error
	Close(ctx context.Context) error
}
