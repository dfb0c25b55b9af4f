package commands

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"zhiping/domain"
)

// MaxAttempts bounds how often a command is decided anew after losing a race.
const MaxAttempts = 10

// Envelope is what comes with a command: who asks, from where, and under which conditions. The trace that a command
// belongs to comes with its context.
type Envelope struct {
	Actor         domain.Actor
	IP            string
	CorrelationID string
	CausationID   string
	// Key is the caller's Idempotency-Key: the same key of the same caller is the same command. Empty for none.
	Key string
	// IfMatch is the revision that the caller has seen; the command is refused on any other. Nil for none.
	IfMatch *uint64
}

// Result is the state after a command. A retry answers with the state as it was after the first time.
type Result[S any] struct {
	State    S
	Revision uint64 // the stream's last revision
	Position uint64 // the last event's position in $all; 0 when the command changed nothing in this process's memory
}

// Report tells an observer how a command went. Payloads are not in it.
type Report struct {
	Command   string
	Stream    string
	Actor     string
	Events    int
	Conflicts int // lost races
	Replayed  bool
	Duration  time.Duration
	Err       error
}

// aggregate is what the executor needs to know of one kind of aggregate.
type aggregate[S, F, C, E any] struct {
	category string
	name     func(C) string
	decide   func(S, F, C) ([]E, error)
	evolve   func(S, E) S
	// bytes measures what an event brings, and size what a state holds in memory. Nil where neither can grow much.
	bytes func(E) int64
	size  func(S) int64
}

func (a aggregate[S, F, C, E]) weight(e E) int64 {
	if a.bytes == nil {
		return 0
	}
	return a.bytes(e)
}

// request is one command with all that the generic executor calls back.
type request[S, F, C any] struct {
	env Envelope
	id  string
	cmd C
	// exclusive commands are decisions of people on what they saw: never decided again on another state.
	exclusive bool
	// authorise judges the actor against the loaded state.
	authorise func(S) error
	// facts looks up what the decision depends on outside the command's stream.
	facts func(context.Context, S, domain.Usage) (F, error)
	// reserve takes from another stream what the decided command needs, before its events are appended behind the
	// revision that it was decided on. Nil where it needs nothing.
	reserve func(context.Context, S, F, uint64) error
}

// execute is the one write path: load, authorise, look facts up, decide, append at the loaded revision. Only a
// lost race is tried again, from loading on, and only where the caller did not tie the command to a revision.
func execute[S, F, C, E any](ctx context.Context, x *Executor, a aggregate[S, F, C, E], r request[S, F, C]) (res Result[S], err error) {
	started, name := x.clock(), a.name(r.cmd)
	report := Report{Command: name, Stream: domain.Stream(a.category, r.id), Actor: r.env.Actor.ID}
	ctx, end := x.span(ctx, "command "+name, attribute.String("stream", report.Stream))
	defer func() {
		report.Duration, report.Err = x.clock().Sub(started), err
		end(err)
		x.observe(ctx, report)
	}()
	meta, err := x.metadata(ctx, r.env, name, r.cmd)
	if err != nil {
		return res, err
	}
	if !r.exclusive {
		// Commands of this process take turns on a stream; only other processes are raced with. Decisions do not:
		// who decides at the same time as somebody else must hear of it.
		done, err := x.turn(ctx, report.Stream)
		if err != nil {
			return res, err
		}
		defer done()
	}
	// What is remembered is good enough to try with: an append at a stale revision is refused by the store, and a
	// refusal by Decide is checked against the fresh state before anyone hears of it. Not so under a key: the
	// store would take a repeated key for a retry, whatever the command says now.
	cached := !r.exclusive && r.env.Key == ""
	for attempt := 0; attempt < MaxAttempts; attempt++ {
		l, fresh, err := load(ctx, x, a, report.Stream, cached)
		if err != nil {
			return res, err
		}
		if l.commands.has(meta.CommandID) {
			report.Replayed = true
			return replay(ctx, x, a, r, report.Stream, meta)
		}
		events, err := decide(ctx, x, a, r, l)
		if (err != nil || len(events) == 0) && !fresh {
			cached = false
			continue
		}
		if err != nil {
			return res, err
		}
		if len(events) == 0 {
			return l.result(), nil
		}
		next, err := appendEvents(ctx, x, a, report.Stream, l, meta, events)
		switch {
		case err == nil:
			report.Events = len(events)
			return next.result(), nil
		case !errors.Is(err, ErrConflict):
			return res, err
		case !fresh:
			cached = false // our memory was stale; nobody lost a race yet
			continue
		case r.env.IfMatch != nil:
			return res, domain.ErrStaleRevision
		case r.exclusive:
			report.Conflicts++
			// Perhaps it was our own earlier try, whose answer got lost.
			if again, _, err := load(ctx, x, a, report.Stream, false); err == nil && again.commands.has(meta.CommandID) {
				report.Replayed = true
				return replay(ctx, x, a, r, report.Stream, meta)
			}
			return res, domain.ErrConcurrentChange
		}
		report.Conflicts++
		cached = false
		if err := pause(ctx, attempt); err != nil {
			return res, err
		}
	}
	return res, domain.ErrConcurrentChange
}

func decide[S, F, C, E any](ctx context.Context, x *Executor, a aggregate[S, F, C, E], r request[S, F, C], l loaded[S]) (_ []E, err error) {
	ctx, end := x.span(ctx, "decide")
	defer func() { end(err) }()
	if err := r.authorise(l.state); err != nil {
		return nil, err
	}
	m := r.env.IfMatch
	if m != nil && l.revision >= 0 && uint64(l.revision) != *m {
		return nil, domain.ErrStaleRevision
	}
	facts, err := r.facts(ctx, l.state, l.usage.asOf(x.clock()))
	if err != nil {
		return nil, err
	}
	events, err := a.decide(l.state, facts, r.cmd)
	if m != nil && l.revision < 0 && err == nil {
		err = domain.ErrStaleRevision // what is not there has no revision; that it is not there is said first
	}
	if err != nil || len(events) == 0 || r.reserve == nil {
		return events, err
	}
	return events, r.reserve(ctx, l.state, facts, l.result().Revision)
}

func appendEvents[S, F, C, E any](ctx context.Context, x *Executor, a aggregate[S, F, C, E], stream string, l loaded[S],
	meta domain.Metadata, events []E,
) (loaded[S], error) {
	proposed := make([]domain.Proposed, len(events))
	next := l
	if meta.At = x.clock().UTC(); meta.At.Before(l.at) {
		meta.At = l.at // another node's clock is ahead of ours
	}
	for i, e := range events {
		t, ok := x.types[typeKey(e)]
		if !ok {
			return l, fmt.Errorf("commands: %T is in no list of event types", e)
		}
		m := meta
		m.SchemaVersion = t.Version
		proposed[i] = domain.Proposed{ID: domain.DerivedID(meta.CommandID.String(), stream, strconv.Itoa(i)), Type: t.Name, Meta: m, Event: e}
		next.state, next.usage = a.evolve(next.state, e), next.usage.add(meta.At, a.weight(e))
	}
	done, err := x.store.Append(ctx, stream, l.revision, proposed)
	if err != nil {
		return l, fmt.Errorf("append %s: %w", stream, err)
	}
	next.revision, next.position, next.at = int64(done.Revision), done.Position, meta.At // #nosec G115 -- revisions stay far below 2^63
	next.commands = l.commands.add(meta.CommandID)
	remember(x, a, stream, next)
	return next, nil
}

// replay answers a retry with the state after the command's last event, as it was recorded the first time. The caller must still
// be allowed the command on the state that it was decided on, in the role and for the organization that the first try acted for: a
// key outlives an office.
func replay[S, F, C, E any](ctx context.Context, x *Executor, a aggregate[S, F, C, E], r request[S, F, C], stream string, meta domain.Metadata) (Result[S], error) {
	events, err := x.store.Read(ctx, stream, 0)
	if err != nil {
		return Result[S]{}, fmt.Errorf("read %s: %w", stream, err)
	}
	var l, at loaded[S]
	l.revision = NoStream
	first := true
	for _, e := range events {
		before := l.state
		if l, err = fold(a, l, e); err != nil {
			return Result[S]{}, err
		}
		if e.Meta.CommandID != meta.CommandID {
			continue
		}
		if first {
			if err := r.authorise(before); err != nil {
				return Result[S]{}, err
			}
			first = false
		}
		if e.Meta.Role != meta.Role || e.Meta.Organization.ID != meta.Organization.ID {
			return Result[S]{}, domain.ErrForbidden
		}
		if e.Meta.Fingerprint != meta.Fingerprint {
			return Result[S]{}, domain.ErrKeyReused
		}
		at = l
	}
	return at.result(), nil
}

// turn waits until no other command of this process is at work on the stream.
func (x *Executor) turn(ctx context.Context, stream string) (done func(), err error) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(stream))
	lock := x.turns[h.Sum32()%uint32(len(x.turns))]
	select {
	case lock <- struct{}{}:
		return func() { <-lock }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// pause waits a little longer after every lost race, at random, so that racers part.
func pause(ctx context.Context, attempt int) error {
	t := time.NewTimer(time.Duration(1+rand.IntN(4<<min(attempt, 5))) * time.Millisecond) // #nosec G404 -- jitter, not a secret
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
