package projections

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"zhiping/readmodels"
)

// parkedRefresh is how long a ParkedIndex believes that nothing is parked.
const parkedRefresh = time.Second

// ParkedIndex tells readers which documents have stopped following their events. Where nothing at all is parked,
// which is the rule, it knows so for a second without asking the store. Safe for concurrent use; it runs no goroutine.
type ParkedIndex struct {
	reader *readmodels.LiveReader
	now    func() time.Time

	mu      sync.Mutex
	none    time.Time // until when nothing is known to be parked
	changes int
}

// NewParkedIndex makes an index over the list of parked documents.
func NewParkedIndex(r *readmodels.LiveReader, now func() time.Time) *ParkedIndex {
	return &ParkedIndex{reader: r, now: now}
}

// Changed makes the next question ask the store: whoever parks or replays in this process calls it.
func (x *ParkedIndex) Changed() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.none = time.Time{}
	x.changes++
}

// Any tells whether any of these documents of the view's live version is parked. Asked after they were read, it
// misses none that was parked before.
func (x *ParkedIndex) Any(ctx context.Context, view readmodels.Spec, ids ...string) (bool, error) {
	if len(ids) == 0 {
		return false, nil
	}
	if none, err := x.nothing(ctx); err != nil || none {
		return false, err
	}
	version, err := x.reader.Version(ctx, view)
	if err != nil {
		return false, err
	}
	view.Version = version
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = ParkedID(view, id)
	}
	found, err := x.reader.Get(ctx, ParkedView().Spec(), keys...)
	if err != nil {
		return false, fmt.Errorf("look for parked documents: %w", err)
	}
	return len(found) > 0, nil
}

// nothing tells whether no document of any view is parked.
func (x *ParkedIndex) nothing(ctx context.Context) (bool, error) {
	now := x.now()
	x.mu.Lock()
	known, changes := now.Before(x.none), x.changes
	x.mu.Unlock()
	if known {
		return true, nil
	}
	found, err := x.reader.Find(ctx, ParkedView().Spec(), readmodels.Query{Limit: 1})
	if err != nil && !errors.Is(err, readmodels.ErrNoView) { // no projector has run yet
		return false, fmt.Errorf("look for parked documents: %w", err)
	}
	if len(found) > 0 {
		return false, nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.changes == changes {
		x.none = now.Add(parkedRefresh)
	}
	return true, nil
}

// unpark empties the list of a version of a view that is dropped.
func unpark(ctx context.Context, store readmodels.Store, view readmodels.Spec, token uint64) error {
	q := readmodels.Query{Equal: map[string]any{"view": viewKey(view.Name, view.Version)}, Sort: "position", Limit: 200}
	for {
		page, err := ParkedView().Find(ctx, store, q)
		if err != nil || len(page.Items) == 0 {
			return err
		}
		list := readmodels.Batch{Name: ParkedView().Name, Version: ParkedView().Version, Token: token}
		for _, it := range page.Items {
			list.Deletes = append(list.Deletes, readmodels.Put{ID: it.ID, Position: it.Position})
		}
		if err := store.Commit(ctx, list); err != nil {
			return err
		}
	}
}
