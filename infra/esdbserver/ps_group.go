package esdbserver

import (
	"context"
	"time"

	"zhiping/infra/esdbserver/internal/store"
)

// message is an event on its way through a group.
type message struct {
	event, link *store.Event // as delivered; no event when the link leads nowhere
	id          [16]byte     // of the original event: the link's where there is one
	at          int64        // its revision, or its position for $all
	parked      int64        // its revision in the stream of parked messages, -1 when it comes from the source
	retries     int
	consumer    *consumer // who has it now
	sent        int       // counts deliveries, to tell a deadline's delivery from a later one
	done        bool
}

// consumer is one connected client. The group only ever sends to out without waiting: its capacity is the number
// of messages the client wants at once.
type consumer struct {
	out      chan delivery
	dropped  chan error // one value when the group lets the client go
	slots    int
	inFlight map[*message]struct{}
	buckets  int // that are pinned to it
	total    int64
	name     string
	user     string
	from     string
}

// delivery is what a consumer is sent of a message. It is a copy, because the group may be done with the message,
// or may have timed it out, before a slow client has it.
type delivery struct {
	event, link *store.Event
	retries     int
}

type deadline struct {
	at   time.Time
	m    *message
	sent int
}

// group is one persistent subscription. All fields below commands belong to the goroutine of run; others reach
// them through do.
type group struct {
	*groups
	cfg      groupConfig
	filter   *filter
	commands chan func()
	halt     chan error    // asks run to end, with what to tell the consumers
	ended    chan struct{} // closed when run has ended

	consumers []*consumer
	turn      int         // whose turn it is, unless pinned
	owners    []*consumer // of the buckets, when pinned
	next      int64
	scanned   int64 // the newest event looked at, own checkpoints left out: those must not cause further ones
	live      bool  // nothing more to read just now
	failed    bool  // the last read failed: try again soon
	buffer    []*message
	retry     []*message
	inFlight  map[[16]byte][]*message
	order     []*message // everything read and not yet behind the checkpoint, in order
	replayed  []*message // parked messages on their way again, in order
	deadlines []deadline
	total     int64

	doneUpTo    int64 // everything up to here is done
	checkpoint  int64 // what is stored of it
	sinceStored int
	storeAt     time.Time // when to look at it again
	parkedUpTo  int64     // replayed and done up to here
}

// maxOrder bounds what is remembered behind a message that nobody acknowledges.
const maxOrder = 100_000

func newGroup(ctx context.Context, gs *groups, cfg groupConfig) (*group, error) {
	f, err := cfg.Filter.compile()
	if err != nil {
		return nil, err
	}
	g := &group{
		groups: gs, cfg: cfg, filter: f, commands: make(chan func()), halt: make(chan error, 1),
		ended: make(chan struct{}), inFlight: map[[16]byte][]*message{}, next: cfg.Begin,
		scanned: -1, doneUpTo: -1, checkpoint: -1, parkedUpTo: -1,
	}
	if g.pinned() {
		g.owners = make([]*consumer, buckets)
	}
	at, err := g.loadCheckpoint(ctx)
	if err != nil {
		return nil, err
	}
	if at >= 0 {
		g.next, g.doneUpTo, g.checkpoint = at+1, at, at
	}
	return g, nil
}

// do runs f in the group's goroutine and waits for it.
func (g *group) do(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case g.commands <- func() { f(); close(done) }:
	case <-g.ended:
		return groupDropped(g.cfg.groupKey)
	case <-ctx.Done():
		return ctx.Err()
	}
	<-done
	return nil
}

// stop ends the group and waits for it. reason is what its consumers are told.
func (g *group) stop(reason error) {
	select {
	case g.halt <- reason:
	default:
	}
	<-g.ended
}

// run is the group's loop: read while there is room, hand out while somebody has a free slot, wait.
func (g *group) run() {
	source := g.cfg.Stream
	if source == allStream {
		source = ""
	}
	w := g.store.Watch(source)
	defer w.Close()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	g.storeAt = time.Now().Add(g.cfg.checkpointAfter())
	reason := error(errClosing)
	for running := true; running; {
		more := g.fill()
		g.dispatch()
		g.advance()
		if more && len(g.consumers) > 0 && g.room() {
			select { // go on reading, but let others speak
			case f := <-g.commands:
				f()
			case reason = <-g.halt:
				running = false
			case <-g.ctx.Done():
				running = false
			default:
			}
			continue
		}
		timer.Reset(g.pause())
		select {
		case f := <-g.commands:
			f()
		case <-w.C():
			g.live = false
		case <-timer.C:
			if g.failed {
				g.failed, g.live = false, false
			}
			g.expire(time.Now())
			g.storeCheckpoint(time.Now(), false)
		case reason = <-g.halt:
			running = false
		case <-g.ctx.Done():
			running = false
		}
	}
	g.storeCheckpoint(time.Now(), true)
	close(g.ended)
	for _, c := range g.consumers {
		c.dropped <- reason
	}
}

// pause is how long nothing needs to be done by the clock.
func (g *group) pause() time.Duration {
	wait := time.Hour
	if g.doneUpTo != g.checkpoint {
		wait = time.Until(g.storeAt)
	}
	if len(g.deadlines) > 0 {
		wait = min(wait, time.Until(g.deadlines[0].at))
	}
	if g.failed {
		wait = min(wait, time.Second)
	}
	return max(wait, time.Millisecond)
}
