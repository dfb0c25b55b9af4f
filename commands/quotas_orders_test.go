package commands_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"zhiping/commands"
	"zhiping/domain"
)

// gate is an event store in memory at which every call waits until the test lets it through, one at a time, in an
// order that the test picks. Some appends fail, with or without effect, as when a node crashes.
type gate struct {
	mu      sync.Mutex
	streams streamsOfOrganizations
	random  *rand.Rand
	waiting []chan struct{}
	open    bool
	check   func() // after every append, while nothing moves
}

func (g *gate) pass() {
	g.mu.Lock()
	if g.open {
		g.mu.Unlock()
		return
	}
	through := make(chan struct{})
	g.waiting = append(g.waiting, through)
	g.mu.Unlock()
	<-through
}

// let lets one call through; false where none waits.
func (g *gate) let() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		return false
	}
	i := g.random.IntN(len(g.waiting))
	close(g.waiting[i])
	g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
	return true
}

func (g *gate) Read(ctx context.Context, stream string, from uint64) ([]domain.Recorded, error) {
	g.pass()
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.streams.Read(ctx, stream, from)
}

func (g *gate) Append(ctx context.Context, stream string, expected int64, events []domain.Proposed) (commands.Appended, error) {
	g.pass()
	g.mu.Lock()
	defer g.mu.Unlock()
	crash := 2
	if !g.open {
		crash = g.random.IntN(20)
	}
	if crash == 0 {
		return commands.Appended{}, commands.ErrStoreUnavailable
	}
	done, err := g.streams.Append(ctx, stream, expected, events)
	if g.check(); crash == 1 {
		err = commands.ErrStoreUnavailable
	}
	return done, err
}

// Whatever order the calls of several nodes to the event store come in, and wherever one crashes, no moment has more
// declarations passed on than there are places; and in the end every place can be used, also those that void claims had.
func TestAQuotaHoldsInEveryOrderOfTheNodesSteps(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) { inSomeOrder(t, seed) })
	}
}

func inSomeOrder(t *testing.T, seed uint64) {
	const places, declarations, machines = 2, 4, 3
	g := &gate{streams: streamsOfOrganizations{}, random: rand.New(rand.NewPCG(seed, 6)), open: true, check: func() {}}
	c := newCall(t, g, places, declarations+places)
	steady := *c
	steady.store = g.streams
	g.check = func() {
		if n := len(steady.passedOn()); n > places {
			t.Errorf("seed %d: %d passed on, of %d places", seed, n, places)
		}
	}
	c.passed = func() []uuid.UUID { // the views, once they have caught up
		g.pass()
		g.mu.Lock()
		defer g.mu.Unlock()
		return steady.passedOn()
	}
	g.open = false
	var wg sync.WaitGroup
	for n := range machines {
		x := c.executor(g)
		for o := range 2 {
			steps := rand.New(rand.NewPCG(seed, uint64(7+2*n+o)))
			wg.Go(func() { c.act(x, byUnit(2*n+o), steps, c.all[:declarations]) })
		}
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for over := false; !over; {
		synctest.Wait()
		select {
		case <-done:
			over = true
		default:
			if !g.let() {
				time.Sleep(time.Second) // somebody waits before another try
			}
		}
	}
	// Whatever still waits at the unit is returned, claimed or not; those that nobody touched can use what is left.
	g.open = true
	one, another := c.executor(g), c.executor(g)
	for _, id := range c.all[:declarations] {
		_ = sendBack(one, officer, id)
	}
	for _, id := range c.all[declarations:] {
		_ = approve(another, byUnit(9), id)
	}
	if n := len(c.passedOn()); n != places {
		t.Errorf("seed %d: %d passed on in the end, of %d places", seed, n, places)
	}
}

// act is what people around one officer do: mostly approvals, sometimes repeated under one key.
func (c *call) act(x *commands.Executor, env commands.Envelope, steps *rand.Rand, among []uuid.UUID) {
	for range 6 {
		id := among[steps.IntN(len(among))]
		switch steps.IntN(8) {
		case 0:
			_ = sendBack(x, env.Actor, id)
		case 1:
			_ = sendBack(x, educator, id)
		case 2:
			c.resubmit(id)
		case 3:
			keyed := env
			keyed.Key = fmt.Sprint("click on ", id)
			_ = approve(x, keyed, id)
		default:
			_ = approve(x, env, id)
		}
	}
}
