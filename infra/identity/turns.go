package identity

import (
	"context"
	"sync"
)

// turns lets one caller at a time into a key's section. Attempts on one account are judged one after the other, so
// that a hundred at once cannot all pass the gate before the first of them has failed.
type turns struct {
	mu   sync.Mutex
	keys map[string]*turn
}

type turn struct {
	free    chan struct{}
	holders int // who has it or waits for it
}

func newTurns() *turns { return &turns{keys: map[string]*turn{}} }

// take waits for the key's turn; the function that it returns gives it back.
func (t *turns) take(ctx context.Context, key string) (func(), error) {
	t.mu.Lock()
	e, ok := t.keys[key]
	if !ok {
		e = &turn{free: make(chan struct{}, 1)}
		t.keys[key] = e
	}
	e.holders++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if e.holders--; e.holders == 0 {
			delete(t.keys, key)
		}
	}
	select {
	case e.free <- struct{}{}:
		return func() { <-e.free; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
