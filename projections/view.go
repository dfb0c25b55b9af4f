package projections

import (
	"context"
	"fmt"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"zhiping/domain"
	"zhiping/projections/internal/clone"
	"zhiping/readmodels"
)

// viewBuilder is one projection at work. Batches are folded by one goroutine and stored by another, one batch behind: so
// that folding goes on while the store writes.
type viewBuilder struct {
	fold    Fold
	copyDoc func(any) any
	spec    readmodels.Spec
	folded  uint64 // position up to which events are folded
	parked  map[string]*Parked
	// recent holds documents as they are stored, and zero Documents for ids known to have none, so that a
	// document that events keep coming for is read once. Nothing but the commits of this view changes them.
	recent *simplelru.LRU[string, readmodels.Document]
	// bulk says that no document is come back to for long, as in a sweep of history, so that none is kept in recent.
	bulk bool

	mu         sync.Mutex // guards what follows, and parked where others than the folding goroutine read it
	checkpoint uint64     // position up to which documents are stored
	// unstored holds what is folded and not stored yet, for when recent has forgotten it.
	unstored map[string]readmodels.Document
}

func openView(ctx context.Context, store readmodels.Reader, f Fold, spec readmodels.Spec, cache int) (*viewBuilder, error) {
	recent, err := simplelru.NewLRU[string, readmodels.Document](cache, nil)
	if err != nil {
		return nil, err
	}
	v := &viewBuilder{fold: f, copyDoc: clone.Func(spec.New()), spec: spec, parked: map[string]*Parked{}, recent: recent, unstored: map[string]readmodels.Document{}}
	if v.checkpoint, _, err = store.Checkpoint(ctx, v.spec.Name, v.spec.Version); err != nil {
		return nil, fmt.Errorf("checkpoint of %s: %w", v.spec.Name, err)
	}
	v.folded = v.checkpoint
	parked, err := ListParked(ctx, store, v.spec)
	if err != nil {
		return nil, err
	}
	for i := range parked {
		v.parked[parked[i].ID] = &parked[i]
	}
	return v, nil
}

// result is what folding a batch came to.
type result struct {
	space  *space
	parked []*Parked // newly
	events int       // of interest to the view
	failed error     // of the last event that could not be folded
}

type keyed struct {
	event *domain.Recorded
	keys  []string
	err   error // what Keys failed with
}

// foldBatch folds the events behind the view's checkpoint. When one fails it parks the event's documents and folds
// the batch anew: their copies may be half changed, and folding is repeatable.
func (v *viewBuilder) foldBatch(ctx context.Context, store readmodels.Reader, events []domain.Recorded) (result, error) {
	var todo []keyed
	ids := map[string]bool{}
	for i := range events {
		if events[i].Position <= v.folded {
			continue
		}
		k := v.keysOf(&events[i])
		if len(k.keys) == 0 {
			continue
		}
		todo = append(todo, k)
		for _, id := range k.keys {
			ids[id] = true
		}
	}
	res := result{events: len(todo)}
	if len(todo) == 0 {
		return res, nil
	}
	docs, err := v.fetchRelated(ctx, store, ids)
	if err != nil {
		return res, err
	}
	since := map[string]*Parked{} // parked by this batch: from their event on, not before it
	for {
		s, bad, err := v.attempt(todo, docs, since)
		if err == nil {
			res.space = s
			return res, nil
		}
		res.failed = err
		for _, id := range bad.keys {
			if v.parked[id] == nil && since[id] == nil {
				since[id] = park(v.spec, id, *bad.event, err)
				res.parked = append(res.parked, since[id])
			}
		}
	}
}

// attempt folds up to the first event that fails.
func (v *viewBuilder) attempt(todo []keyed, docs map[string]readmodels.Document, since map[string]*Parked) (*space, keyed, error) {
	s := newSpace(v.fold, v.copyDoc, map[string]*Parked{})
	for id, d := range docs {
		s.load(id, d)
		if p := v.parked[id]; p != nil {
			s.parked[id] = p
		}
	}
	for _, k := range todo {
		k.keys = s.withRelated(k.keys)
		for _, id := range k.keys {
			if p := since[id]; p != nil && p.Position <= k.event.Position {
				s.parked[id] = p
			}
		}
		if k.err != nil {
			if s.parked[k.keys[0]] == nil {
				return nil, k, k.err
			}
			continue
		}
		if err := s.fold(*k.event, k.keys); err != nil {
			return nil, k, err
		}
	}
	return s, keyed{}, nil
}

// eventPrefix begins the id under which an event itself is parked.
const eventPrefix = "event:"

// keysOf guards against a Keys that panics: the projector must not fall over one event. Nobody knows whom such an
// event concerns, so it is parked under its own id.
func (v *viewBuilder) keysOf(e *domain.Recorded) (k keyed) {
	defer func() {
		if r := recover(); r != nil {
			k = keyed{event: e, keys: []string{eventPrefix + e.ID.String()}, err: fmt.Errorf("panic in Keys: %v", r)}
		}
	}()
	return keyed{event: e, keys: v.fold.keys(*e)}
}

// fetch gets documents as they are stored, from memory where it has them.
func (v *viewBuilder) fetch(ctx context.Context, store readmodels.Reader, ids map[string]bool) (map[string]readmodels.Document, error) {
	docs := make(map[string]readmodels.Document, len(ids))
	var missing []string
	for id := range ids {
		if v.fold.once() {
			docs[id] = readmodels.Document{}
			continue
		}
		d, ok := v.recent.Get(id)
		if !ok {
			v.mu.Lock()
			d, ok = v.unstored[id]
			v.mu.Unlock()
		}
		if ok {
			docs[id] = d
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return docs, nil
	}
	read, err := store.Get(ctx, v.spec, missing...)
	if err != nil {
		return nil, fmt.Errorf("read documents of %s: %w", v.spec.Name, err)
	}
	for _, id := range missing {
		docs[id] = read[id]
		if !v.bulk {
			v.recent.Add(id, read[id])
		}
	}
	return docs, nil
}

// apply makes the next batch see this one, which is on its way to the store. There is no way back: it is stored, or
// nothing behind it is.
func (v *viewBuilder) apply(res result, position uint64) {
	v.folded = max(v.folded, position)
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range res.parked {
		v.parked[p.ID] = p
	}
	if res.space == nil || v.fold.once() {
		return
	}
	for id, en := range res.space.entries {
		if en.dirty {
			d := readmodels.Document{ID: id, Position: en.at, Doc: en.doc}
			if v.bulk {
				v.recent.Remove(id)
			} else {
				v.recent.Add(id, d)
			}
			v.unstored[id] = d
		}
	}
}

// markStored says that the batch is in the store.
func (v *viewBuilder) markStored(res result, position uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.checkpoint = max(v.checkpoint, position)
	if res.space == nil || v.fold.once() {
		return
	}
	for id, en := range res.space.entries {
		if d, ok := v.unstored[id]; ok && en.dirty && d.Position == en.at {
			delete(v.unstored, id)
		}
	}
}

// where tells the checkpoint and how many documents are parked.
func (v *viewBuilder) where() (checkpoint uint64, parked int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.checkpoint, len(v.parked)
}
