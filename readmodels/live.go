package readmodels

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrRebuilding means that the query needs a newer version of the view than the live one, which is being built now, or
// that all views are being rebuilt: worth trying again later.
var ErrRebuilding = errors.New("readmodels: the view is being rebuilt for this query")

// Source is what a LiveReader reads from; every Store is one.
type Source interface {
	Reader
	Live(ctx context.Context, name string) (version int, ok bool, err error)
}

// LiveReader is a Reader of whatever version of a view is live, whichever version the code asks for. It asks the
// store for the live version at most once per refresh interval, so a node follows a swap made elsewhere that much
// later: whoever swaps keeps the old version up to date and in place for a few intervals more. Safe for concurrent
// use; it runs no goroutine.
type LiveReader struct {
	source  Source
	refresh time.Duration
	now     func() time.Time

	mu   sync.RWMutex
	live map[string]liveVersion
}

type liveVersion struct {
	version int // 0: none has been made live, so the one the code asks for
	until   time.Time
}

// DefaultRefresh is how long a LiveReader trusts a live version.
const DefaultRefresh = time.Second

// NewLiveReader makes a LiveReader; a refresh of 0 means DefaultRefresh.
func NewLiveReader(source Source, refresh time.Duration) *LiveReader {
	if refresh <= 0 {
		refresh = DefaultRefresh
	}
	return &LiveReader{source: source, refresh: refresh, now: time.Now, live: map[string]liveVersion{}}
}

// Version tells which version of the view queries read now: the live one, or the declared one where none is. While
// the store does not answer, the last known version goes on.
func (l *LiveReader) Version(ctx context.Context, view Spec) (int, error) {
	now := l.now()
	l.mu.RLock()
	known, ok := l.live[view.Name]
	l.mu.RUnlock()
	if !ok || now.After(known.until) {
		version, live, err := l.source.Live(ctx, view.Name)
		switch {
		case err != nil && !ok:
			return 0, fmt.Errorf("live version of %s: %w", view.Name, err)
		case err != nil:
			version = known.version
		case !live:
			version = 0
		}
		known = liveVersion{version: version, until: now.Add(l.refresh)}
		l.mu.Lock()
		l.live[view.Name] = known
		l.mu.Unlock()
	}
	if known.version == 0 {
		return view.Version, nil
	}
	return known.version, nil
}

// Forget makes the next read ask for the live version anew: whoever swaps in this process calls it.
func (l *LiveReader) Forget(name string) {
	l.mu.Lock()
	delete(l.live, name)
	l.mu.Unlock()
}

// Get implements Reader on the live version.
func (l *LiveReader) Get(ctx context.Context, view Spec, ids ...string) (docs map[string]Document, err error) {
	err = l.on(ctx, view, func(v Spec) error { docs, err = l.source.Get(ctx, v, ids...); return err })
	return docs, err
}

// Find implements Reader on the live version. A query that only a newer version has the index for is ErrRebuilding.
func (l *LiveReader) Find(ctx context.Context, view Spec, q Query) (docs []Document, err error) {
	err = l.on(ctx, view, func(v Spec) error { docs, err = l.source.Find(ctx, v, q); return err })
	return docs, err
}

// Count implements Reader on the live version. A query that only a newer version has the index for is ErrRebuilding.
func (l *LiveReader) Count(ctx context.Context, view Spec, equal map[string]any, max int) (n int, err error) {
	err = l.on(ctx, view, func(v Spec) error { n, err = l.source.Count(ctx, v, equal, max); return err })
	return n, err
}

// Checkpoint implements Reader; it is about the version it is asked for.
func (l *LiveReader) Checkpoint(ctx context.Context, name string, version int) (uint64, bool, error) {
	return l.source.Checkpoint(ctx, name, version)
}

// on runs a read on the live version, once more if that was dropped after a swap that this node had not noticed.
func (l *LiveReader) on(ctx context.Context, view Spec, read func(Spec) error) error {
	if rebuilding, err := l.Rebuilding(ctx); err != nil {
		return err
	} else if rebuilding {
		return fmt.Errorf("%w: %s", ErrRebuilding, view.Name)
	}
	for again := true; ; again = false {
		v := view
		var err error
		if v.Version, err = l.Version(ctx, view); err != nil {
			return err
		}
		if v.Version < view.Since {
			return fmt.Errorf("%w: %s %d serves, and %d can be read", ErrRebuilding, view.Name, v.Version, view.Since)
		}
		err = read(v)
		switch {
		case errors.Is(err, ErrNoView) && again:
			l.Forget(view.Name)
		case errors.Is(err, ErrNoIndex) && v.Version != view.Version:
			return fmt.Errorf("%w: %s %d serves, %d is asked for: %w", ErrRebuilding, view.Name, v.Version, view.Version, err)
		default:
			return err
		}
	}
}
