package readmodels

import (
	"context"
	"fmt"
	"sync"
	"time"

	"zhiping/domain"
)

// Polling intervals of Wait. In the projector's own process Notify wakes it, and polling is only the fallback for
// when another node has taken the projection over.
const (
	pollAway     = 15 * time.Millisecond
	pollNotified = 250 * time.Millisecond
	notifiedFor  = 2 * time.Second
)

// Tracker knows how far the live views are, so that a read can wait for a write and say what it includes. Safe for
// concurrent use; it runs no goroutine.
type Tracker struct {
	reader *LiveReader
	specs  []Spec
	now    func() time.Time

	mu    sync.Mutex
	known map[viewVersion]uint64
	wake  chan struct{} // closed and replaced whenever known grows
	told  time.Time     // of the last Notify

	poll chan struct{} // held by the one caller that asks the store; holds one token
	read time.Time     // of the last poll; guarded by mu
}

type viewVersion struct {
	name    string
	version int
}

// NewTracker follows these views.
func NewTracker(reader *LiveReader, specs ...Spec) *Tracker {
	return &Tracker{
		reader: reader, specs: specs, now: time.Now,
		known: map[viewVersion]uint64{}, wake: make(chan struct{}), poll: make(chan struct{}, 1),
	}
}

// Notify tells the tracker that a version of a view has been committed up to a position: the projector calls it
// after each commit.
func (t *Tracker) Notify(name string, version int, position uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.told = t.now()
	if t.learn(viewVersion{name, version}, position) {
		close(t.wake)
		t.wake = make(chan struct{})
	}
}

func (t *Tracker) learn(k viewVersion, position uint64) bool {
	if old, ok := t.known[k]; ok && old >= position {
		return false
	}
	t.known[k] = position
	return true
}

// Position is the position that every live view includes, as far as this process knows: never more than is true,
// and at most a polling interval old. Take it before the read that it is told of.
func (t *Tracker) Position(ctx context.Context) (uint64, error) {
	if err := t.refresh(ctx, false); err != nil {
		return 0, err
	}
	position, _, err := t.lowest(ctx)
	return position, err
}

// Wait returns when every live view includes the position, or with ctx's error when that ends first.
func (t *Tracker) Wait(ctx context.Context, position uint64) error {
	for {
		t.mu.Lock()
		wake := t.wake
		t.mu.Unlock()
		lowest, all, err := t.lowest(ctx)
		if err != nil {
			return err
		}
		if all && lowest >= position {
			return nil
		}
		timer := time.NewTimer(t.interval())
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait for views to reach %d, now %d: %w", position, lowest, ctx.Err())
		case <-wake:
			timer.Stop()
		case <-timer.C:
			// A store that cannot be reached for a moment is no reason to give up before the caller does.
			if err := t.refresh(ctx, true); err != nil && ctx.Err() != nil {
				return fmt.Errorf("wait for views to reach %d: %w", position, err)
			}
		}
	}
}

func (t *Tracker) interval() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now().Sub(t.told) < notifiedFor {
		return pollNotified
	}
	return pollAway
}

// lowest is the least known position of the live views, and whether each of them has one.
func (t *Tracker) lowest(ctx context.Context) (lowest uint64, all bool, err error) {
	all = true
	for i, spec := range t.specs {
		version, err := t.reader.Version(ctx, spec)
		if err != nil {
			return 0, false, err
		}
		t.mu.Lock()
		position, ok := t.known[viewVersion{spec.Name, version}]
		t.mu.Unlock()
		all = all && ok
		if i == 0 || position < lowest {
			lowest = position
		}
	}
	return lowest, all, nil
}

// refresh asks the store for the checkpoints unless somebody just did. However many callers wait, one asks; those
// who come with wait set stand in line for the answer, the others go on with what is known.
func (t *Tracker) refresh(ctx context.Context, wait bool) error {
	fresh := func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		now := t.now()
		return now.Sub(t.read) < pollAway || (!wait && now.Sub(t.told) < notifiedFor && !t.read.IsZero())
	}
	if fresh() {
		return nil
	}
	if wait || t.never() {
		select {
		case t.poll <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	} else {
		select {
		case t.poll <- struct{}{}:
		default:
			return nil
		}
	}
	defer func() { <-t.poll }()
	if fresh() {
		return nil
	}
	for _, spec := range t.specs {
		version, err := t.reader.Version(ctx, spec)
		if err != nil {
			return err
		}
		position, ok, err := t.reader.Checkpoint(ctx, spec.Name, version)
		if err != nil {
			return fmt.Errorf("checkpoint of %s: %w", spec.Name, err)
		}
		if ok {
			t.mu.Lock()
			t.learn(viewVersion{spec.Name, version}, position)
			t.mu.Unlock()
		}
	}
	t.mu.Lock()
	t.read = t.now()
	t.mu.Unlock()
	return nil
}

func (t *Tracker) never() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.read.IsZero()
}

// ErrBehind says that the views do not include a position in time. It is wrapped with the cause.
var ErrBehind = domain.NewError(domain.Unavailable, "read_model_behind")
