package projections

import (
	"fmt"
	"slices"
	"strings"

	"zhiping/domain"
	"zhiping/readmodels"
)

// space is where one view's part of a batch is folded: the documents that the batch touches, as they are stored
// and as the fold has made them. Nothing leaves it before the commit.
type space struct {
	by      Fold
	copyDoc func(any) any
	entries map[string]*entry
	parked  map[string]*Parked // the view's, by document id; shared with the view, read only here

	event uint64          // position of the event being applied
	keys  []string        // of that event
	mask  map[string]bool // documents of that event whose changes are thrown away; nil for none

	behind map[string]bool // in a replay: documents that stand still and may lead to the replayed one
}

// entry is one document. stored is the position it had in the store, at the one it has now.
type entry struct {
	doc    any // nil: there is none
	own    bool
	dirty  bool
	stored uint64
	at     uint64
}

func newSpace(f Fold, copyDoc func(any) any, parked map[string]*Parked) *space {
	return &space{by: f, copyDoc: copyDoc, entries: map[string]*entry{}, parked: parked, behind: map[string]bool{}}
}

// load puts a document as stored into the space; doc nil says that there is none.
func (s *space) load(id string, d readmodels.Document) {
	s.entries[id] = &entry{doc: d.Doc, stored: d.Position, at: d.Position}
}

// ensureEntry makes sure that there is an entry, empty if nothing was loaded.
func (s *space) ensureEntry(id string) {
	if s.entries[id] == nil {
		s.entries[id] = &entry{}
	}
}

// fold applies one event. Documents that include the event already, because a crash came between their commit
// and the checkpoint's, and documents that are parked keep what they have.
func (s *space) fold(e domain.Recorded, keys []string) error {
	s.event, s.keys, s.mask = e.Position, keys, nil
	masked := 0
	for _, id := range keys {
		included := e.Position > 0 && s.entries[id].stored >= e.Position
		if included || s.parked[id] != nil {
			if s.mask == nil {
				s.mask = map[string]bool{}
			}
			if !s.mask[id] {
				s.mask[id] = true
				masked++
			}
		}
	}
	if masked > 0 && masked == countDistinct(keys) {
		return nil
	}
	return s.by.apply(s, e)
}

func countDistinct(keys []string) int {
	n := 0
	for i, k := range keys {
		if !slices.Contains(keys[:i], k) {
			n++
		}
	}
	return n
}

func (s *space) entry(id string) *entry {
	if !slices.Contains(s.keys, id) {
		panic(fmt.Errorf("%w: %s", errNotNamed, id))
	}
	return s.entries[id]
}

func (s *space) get(id string) (any, bool) {
	en := s.entry(id)
	switch {
	case en.doc == nil:
		return nil, false
	case s.mask[id]:
		return s.copyDoc(en.doc), true // thrown away
	case !en.own:
		en.doc, en.own = s.copyDoc(en.doc), true
	}
	en.dirty, en.at = true, s.event
	return en.doc, true
}

func (s *space) put(id string, doc any) {
	en := s.entry(id)
	if s.mask[id] {
		return
	}
	en.doc, en.own, en.dirty, en.at = doc, true, true, s.event
}

func (s *space) remove(id string) {
	en := s.entry(id)
	if s.mask[id] || en.doc == nil {
		return
	}
	en.doc, en.own, en.dirty, en.at = nil, true, true, s.event
}

// changes lists what the batch has to store, by id: neighbours in the store are written together, and the same batch
// is always written in the same order.
func (s *space) changes() (puts, deletes []readmodels.Put) {
	for id, en := range s.entries {
		switch {
		case !en.dirty:
		case en.doc == nil && en.stored > 0:
			deletes = append(deletes, readmodels.Put{ID: id, Position: en.at})
		case en.doc != nil:
			puts = append(puts, readmodels.Put{ID: id, Position: en.at, Doc: en.doc})
		}
	}
	byID := func(a, b readmodels.Put) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(puts, byID)
	slices.SortFunc(deletes, byID)
	return puts, deletes
}
