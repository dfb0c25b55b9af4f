package esdbserver

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
)

// groups are the persistent subscriptions of a server. Each runs as a goroutine of its own.
type groups struct {
	*Server
	ctx    context.Context // ends with close
	cancel context.CancelFunc
	owned  sync.WaitGroup

	mu     sync.Mutex // also serializes create, update and delete
	byKey  map[groupKey]*group
	closed bool
}

// openGroups starts the groups that are stored.
func openGroups(ctx context.Context, s *Server) (*groups, error) {
	docs, err := s.store.Documents(ctx, groupDocument)
	if err != nil {
		return nil, err
	}
	gs := &groups{Server: s, byKey: map[groupKey]*group{}}
	gs.ctx, gs.cancel = context.WithCancel(context.Background())
	for name, body := range docs {
		var cfg groupConfig
		if err = json.Unmarshal(body, &cfg); err == nil {
			err = gs.start(ctx, cfg)
		}
		if err != nil {
			gs.close()
			return nil, fmt.Errorf("persistent subscription %s: %w", name, err)
		}
	}
	return gs, nil
}

// close stops all groups, each of which writes its checkpoint, and waits for them.
func (gs *groups) close() {
	gs.mu.Lock()
	gs.closed = true
	gs.mu.Unlock()
	gs.cancel()
	gs.owned.Wait()
}

// start runs a group, in place of one of the same name that has been stopped.
func (gs *groups) start(ctx context.Context, cfg groupConfig) error {
	g, err := newGroup(ctx, gs, cfg)
	if err != nil {
		return err
	}
	gs.run(g)
	return nil
}

func (gs *groups) run(g *group) {
	gs.byKey[g.cfg.groupKey] = g
	gs.owned.Go(g.run)
}

func (gs *groups) get(k groupKey) (*group, error) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	g := gs.byKey[k]
	if g == nil {
		return nil, groupMissing(k)
	}
	return g, nil
}

// list returns the groups, of one stream or of all, in a stable order.
func (gs *groups) list(stream string) []*group {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	var out []*group
	for k, g := range gs.byKey {
		if stream == "" || k.Stream == stream {
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b *group) int { return cmp.Compare(a.cfg.String(), b.cfg.String()) })
	return out
}

// create stores a group and starts it.
func (gs *groups) create(ctx context.Context, cfg groupConfig) error {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if gs.closed {
		return errClosing
	}
	if gs.byKey[cfg.groupKey] != nil {
		return groupExists(cfg.groupKey)
	}
	if err := gs.begin(ctx, &cfg); err != nil {
		return err
	}
	return gs.save(ctx, cfg)
}

// begin resolves where a group begins.
func (gs *groups) begin(ctx context.Context, cfg *groupConfig) error {
	cfg.Begin = cfg.From
	head := gs.store.Head()
	switch {
	case cfg.Stream == allStream && cfg.From == fromEnd:
		cfg.Begin = head + 1
	case cfg.Stream == allStream && cfg.From > head:
		return groupFailed(cfg.groupKey, "Invalid starting position: it is beyond the end of the log")
	case cfg.From == fromEnd:
		info, err := gs.store.Stream(ctx, cfg.Stream)
		if err != nil {
			return err
		}
		if cfg.Begin = info.Last; info.Last < math.MaxInt64 {
			cfg.Begin++
		}
	}
	return nil
}

// save stores a group and starts it. It does either both or nothing.
func (gs *groups) save(ctx context.Context, cfg groupConfig) error {
	body, err := cfg.encode()
	if err != nil {
		return err
	}
	g, err := newGroup(ctx, gs, cfg)
	if err != nil {
		return err
	}
	if err := gs.store.PutDocument(ctx, groupDocument+cfg.String(), body); err != nil {
		return err
	}
	gs.run(g)
	return nil
}

// update replaces a group's settings. Its subscribers are dropped; its checkpoint and parked messages stay.
func (gs *groups) update(ctx context.Context, cfg groupConfig) error {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	g := gs.byKey[cfg.groupKey]
	if g == nil || gs.closed {
		return groupMissing(cfg.groupKey)
	}
	cfg.Filter = g.cfg.Filter
	if err := gs.begin(ctx, &cfg); err != nil {
		return err
	}
	g.stop(groupDropped(cfg.groupKey))
	if err := gs.save(ctx, cfg); err != nil {
		return gs.resume(g, err)
	}
	return nil
}

// resume starts a group again that was stopped for a change which failed.
func (gs *groups) resume(g *group, failure error) error {
	return errors.Join(failure, gs.start(gs.ctx, g.cfg))
}

// remove deletes a group with its checkpoint and parked messages, all at once: another of the same name must not go
// on where this one was.
func (gs *groups) remove(ctx context.Context, k groupKey) error {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	g := gs.byKey[k]
	if g == nil || gs.closed {
		return groupMissing(k)
	}
	g.stop(groupDropped(k)) // it writes its checkpoint once more
	err := gs.store.DropDocument(ctx, groupDocument+k.String(), k.internalStream(suffixCheck), k.internalStream(suffixParked))
	if err != nil {
		return gs.resume(g, err)
	}
	delete(gs.byKey, k)
	return nil
}

// restart stops and starts all groups, as a restart of the server would.
func (gs *groups) restart(ctx context.Context) error {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if gs.closed {
		return errClosing
	}
	var err error
	for k, g := range gs.byKey {
		g.stop(groupDropped(k))
		err = errors.Join(err, gs.start(ctx, g.cfg))
	}
	return err
}
