//go:build unix

package esdbserver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/stretchr/testify/require"

	"zhiping/infra/esdbserver"
)

// TestServerBehavesAsItsModelThroughCrashes sends random requests to a server in a process of its own, through the
// official client, and compares every answer with a model in memory. Subscribers follow meanwhile. The disk refuses
// writes again and again, and the process is killed again and again, sometimes while the disk does so. Nothing that was
// acknowledged is lost; subscribers see nothing twice, out of order or that is not there afterwards; expected revisions
// hold. A request whose outcome is unknown has happened wholly or not at all, and the model follows.
//
// ESDBSERVER_SEED repeats the random choices of a run. Where a crash hits is a matter of timing all the same.
func TestServerBehavesAsItsModelThroughCrashes(t *testing.T) {
	seed := rand.Uint64()
	if text := os.Getenv("ESDBSERVER_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("ESDBSERVER_SEED=%d", seed)
	w := &world{t: t, dir: t.TempDir(), rng: rand.New(rand.NewPCG(seed, 1000)), followers: newFollowers()}
	for n := range 4 {
		w.actors = append(w.actors, newActor(n, seed))
	}
	for n := range rounds(20, 200) {
		require.NoError(t, w.live(n%3 != 2), "seed %d, round %d", seed, n)
	}
	require.NoError(t, w.end(), "seed %d", seed)
	require.Positive(t, w.kills)
	require.Positive(t, w.fullDisks)
	t.Logf("%d requests and %d unknown outcomes, %d kills, %d full disks, %d events",
		w.requests, w.unknown, w.kills, w.fullDisks, len(w.followers.all[0].seen))
}

// world is one data directory, who uses it, and what happens to it.
type world struct {
	t         *testing.T
	dir       string
	rng       *rand.Rand
	actors    []*actor
	followers *followers

	mu                              sync.Mutex
	changed                         *sync.Cond
	requests, unknown, failedWrites int
	kills, fullDisks                int
}

// live runs one process from its start to its end, by a kill or in good order.
func (w *world) live(kill bool) error {
	p := spawn(w.t, w.dir)
	if err := w.check(p.client, false); err != nil {
		p.kill()
		return errors.Join(err, p.client.Close())
	}
	w.followers.cover(w.actors)
	w.changed = sync.NewCond(&w.mu)
	ctx, cancel := context.WithCancel(context.Background())
	failures := make(chan error, len(w.actors)+len(w.followers.all))
	var running sync.WaitGroup
	for _, a := range w.actors {
		running.Go(func() { failures <- w.act(ctx, p, a) })
	}
	for _, f := range w.followers.all {
		running.Go(func() {
			err := f.follow(ctx, p.client, false)
			if errors.Is(err, errDropped) && p.dead.Load() {
				err = nil
			}
			w.fail(p, err)
			failures <- err
		})
	}
	err := w.disturb(p, kill)
	running.Wait()
	cancel()
	err = errors.Join(err, p.client.Close())
	close(failures)
	for e := range failures {
		err = errors.Join(err, e)
	}
	if err != nil {
		return err
	}
	return esdbserver.Verify(context.Background(), w.dir, io.Discard)
}

// act lets an actor send requests until the process is dead.
func (w *world) act(ctx context.Context, p *process, a *actor) error {
	for !p.dead.Load() {
		err := a.step(ctx, p.client)
		var unknown outcomeUnknown
		isUnknown := errors.As(err, &unknown)
		refused := isUnknown && codeOf(err) == esdb.ErrorAborted
		w.mu.Lock()
		w.requests++
		if isUnknown {
			w.unknown++
		}
		if refused {
			w.failedWrites++
		}
		w.changed.Broadcast()
		w.mu.Unlock()
		var found fault
		switch {
		case err == nil, refused:
		case p.dead.Load() && !errors.As(err, &found):
		default:
			return w.fail(p, fmt.Errorf("actor %s: %w", a.prefix, err))
		}
	}
	return nil
}

// fail ends the process, so that everybody stops when one has found a fault.
func (w *world) fail(p *process, err error) error {
	if err != nil {
		p.kill()
		w.changed.Broadcast()
	}
	return err
}

// wait waits until something holds, or somebody has found a fault.
func (w *world) wait(p *process, until func() bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !until() && !p.dead.Load() {
		w.changed.Wait()
	}
}

// waitFor waits for a number of further requests.
func (w *world) waitFor(p *process, requests int) {
	w.mu.Lock()
	end := w.requests + requests
	w.mu.Unlock()
	w.wait(p, func() bool { return w.requests >= end })
}

// disturb fills the disk for a while, or several times, and ends the process. What goes wrong with that because somebody
// has found a fault, and ended the process before, is no news.
func (w *world) disturb(p *process, kill bool) error {
	for range w.rng.IntN(3) {
		w.waitFor(p, 10+w.rng.IntN(60))
		err := w.fillDisk(p)
		if err == nil && kill && w.rng.IntN(3) == 0 {
			break // while the disk is full
		}
		if err == nil {
			err = p.limit(math.MaxUint64)
		}
		if p.dead.Load() {
			return nil
		}
		if err != nil {
			return w.fail(p, err)
		}
	}
	w.waitFor(p, 10+w.rng.IntN(100))
	if kill {
		w.kills++
		p.kill()
		return nil
	}
	return p.stop()
}

// fillDisk makes the log's file grow only a little more, and then no file at all, until writes have failed.
func (w *world) fillDisk(p *process) error {
	info, err := os.Stat(filepath.Join(w.dir, "events.sqlite-wal"))
	if err != nil {
		return err
	}
	w.mu.Lock()
	failed := w.failedWrites
	w.mu.Unlock()
	if err := p.limit(uint64(info.Size()) + uint64(w.rng.IntN(40_000))); err != nil {
		return err
	}
	w.waitFor(p, 20)
	if err := p.limit(100); err != nil {
		return err
	}
	w.wait(p, func() bool { return w.failedWrites > failed })
	w.waitFor(p, w.rng.IntN(40))
	w.fullDisks++
	return nil
}

// check settles what is open and compares the whole log with the models, and what was seen with the log.
func (w *world) check(c *esdb.Client, caughtUp bool) error {
	ctx := context.Background()
	for _, a := range w.actors {
		if a.open != nil {
			if err := a.settle(ctx, c); err != nil {
				return err
			}
		}
	}
	events, err := drain(c.ReadAll(ctx, esdb.ReadAllOptions{From: esdb.Start{}}, math.MaxUint64))
	if err != nil {
		return err
	}
	log, last := make([]seen, len(events)), uint64(0)
	for i, e := range events {
		if log[i] = seenOf(e.OriginalEvent()); log[i].position <= last {
			return fmt.Errorf("$all: position %d follows %d", log[i].position, last)
		}
		last = log[i].position
	}
	for _, a := range w.actors {
		own, _ := a.mine(events, nil)
		if err := compare(a.model.Log, own); err != nil {
			return fmt.Errorf("log of %s: %w", a.prefix, err)
		}
	}
	if err := checkRaces(log, w.actors); err != nil {
		return err
	}
	return w.followers.check(log, w.actors, caughtUp)
}

// end lets everybody catch up and compares everything once more.
func (w *world) end() error {
	p := spawn(w.t, w.dir)
	defer func() { p.kill(); _ = p.client.Close() }()
	if err := w.check(p.client, false); err != nil {
		return err
	}
	w.followers.cover(w.actors)
	late := newFollowers() // who have all of it before them, page after page
	late.cover(w.actors)
	for _, f := range append(late.all, w.followers.all...) {
		if err := f.follow(context.Background(), p.client, true); err != nil {
			return err
		}
	}
	if err := w.check(p.client, true); err != nil {
		return err
	}
	w.followers = late
	return w.check(p.client, true)
}
