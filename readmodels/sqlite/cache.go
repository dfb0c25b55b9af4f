package sqlite

import (
	"encoding/json"
	"reflect"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"zhiping/readmodels"
)

// cache keeps documents decoded, since decoding costs more than reading the row. What it holds is what the file
// holds: it is told of every commit, and this process makes them all. Safe for concurrent use.
type cache struct {
	mu   sync.Mutex
	docs *simplelru.LRU[docKey, cached]
	size int // bytes of JSON that the documents were made of
	max  int
	// turn counts the beginnings and ends of commits. While it is odd a commit is becoming visible, and nothing is
	// looked up or added; a document that was read in an earlier turn may be outdated and is not added either.
	turn uint64
}

// neverTurn is the turn of a read whose documents the cache has no use for: a projector that asks for many keeps them
// itself, and would only push out what people read.
const neverTurn uint64 = 1

type docKey struct {
	view *view
	id   string
}

type cached struct {
	position uint64
	doc      any
	size     int
}

// perDocument is what an entry weighs beside its JSON, in bytes.
const perDocument = 256

func newCache(max int) *cache {
	c := &cache{max: max}
	// A size in documents is required; the bytes bound it first.
	docs, err := simplelru.NewLRU(max/perDocument+1, func(_ docKey, d cached) { c.size -= d.size })
	if err != nil {
		panic(err) // a size below one, which cannot be
	}
	c.docs = docs
	return c
}

// now is the turn that a read begins in.
func (c *cache) now() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.turn
}

// during finds a document as the file holds it throughout a turn.
func (c *cache) during(turn uint64, v *view, id string, kind reflect.Type) (readmodels.Document, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if turn%2 == 1 || turn != c.turn {
		return readmodels.Document{}, false
	}
	return c.lookUp(v, id, kind)
}

// get finds a document as the file holds it now.
func (c *cache) get(v *view, id string, kind reflect.Type) (readmodels.Document, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turn%2 == 1 {
		return readmodels.Document{}, false
	}
	return c.lookUp(v, id, kind)
}

func (c *cache) lookUp(v *view, id string, kind reflect.Type) (readmodels.Document, bool) {
	d, ok := c.docs.Get(docKey{v, id})
	if !ok || reflect.TypeOf(d.doc) != kind {
		return readmodels.Document{}, false
	}
	return readmodels.Document{ID: id, Position: d.position, Doc: d.doc}, true
}

// at finds the document that a row read in a turn stands for.
func (c *cache) at(turn uint64, v *view, id string, position uint64, kind reflect.Type) (readmodels.Document, bool) {
	d, ok := c.during(turn, v, id, kind)
	return d, ok && d.Position == position
}

// add keeps a document that was read in a turn.
func (c *cache) add(turn uint64, v *view, d readmodels.Document, text int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if turn%2 == 1 || turn != c.turn {
		return
	}
	k := docKey{v, d.ID}
	c.docs.Remove(k) // replacing would not tell of the old one's size
	c.docs.Add(k, cached{d.Position, d.Doc, text + perDocument})
	for c.size += text + perDocument; c.size > c.max; {
		c.docs.RemoveOldest()
	}
}

// commit runs the commit of a transaction that changes these documents.
func (c *cache) commit(changed []docKey, commit func() error) error {
	c.mu.Lock()
	c.turn++
	for _, k := range changed {
		c.docs.Remove(k)
	}
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.turn++
		c.mu.Unlock()
	}()
	return commit()
}

var raw = reflect.TypeFor[*json.RawMessage]()

// kindOf is the type of a view's documents; nil for raw ones, which are not worth keeping.
func kindOf(spec readmodels.Spec) reflect.Type {
	if spec.Type == raw {
		return nil
	}
	return spec.Type
}
