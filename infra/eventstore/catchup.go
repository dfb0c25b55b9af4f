package eventstore

import (
	"context"
	"errors"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// item is one thing that a catch-up subscription tells, in order.
type item struct {
	event *esdb.RecordedEvent // nil for anything else
	place uint64              // revision within a stream, commit position in $all
	kind  itemKind
}

type itemKind int

const (
	isEvent itemKind = iota
	isCheckpoint
	isLive    // history has been delivered; what comes now is new
	isDropped // the subscription was lost; it will resume
)

// catchup is one catch-up subscription that survives its connections. Each connection is a generation: run opens
// one at a time and closes it before the next, in one goroutine, so nothing of an old one can come after the
// new one has begun; the place guard drops what a new one repeats.
type catchup struct {
	client *Client
	name   string
	stream string // AllStreams or a stream
	filter *esdb.SubscriptionFilter

	started bool   // whether place counts
	place   uint64 // of the last item handed on; a connection starts behind it
	emit    func(context.Context, item) bool
}

// run delivers until ctx ends. Losing the connection is a normal state, reported and repaired.
func (s *catchup) run(ctx context.Context) {
	delay := backoffMin
	for ctx.Err() == nil {
		before, began := s.place, time.Now()
		err := s.connection(ctx)
		if ctx.Err() != nil {
			return
		}
		d := s.client.subs
		d.Logger.Warn("subscription lost, will resume", "subscription", s.name, "after", s.place, "error", err)
		d.Observe.Reconnect(s.name, err)
		if !s.emit(ctx, item{kind: isDropped, place: s.place}) {
			return
		}
		if s.place != before || time.Since(began) > backoffMax {
			delay = backoffMin
		}
		sleep(ctx, jitter(delay))
		delay = min(2*delay, backoffMax)
	}
}

// connection is one generation: it ends with the reason why it was lost.
func (s *catchup) connection(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stuck := time.AfterFunc(s.client.subs.Timeout, func() { cancel(context.DeadlineExceeded) })
	defer stuck.Stop()
	return s.client.subs.do(ctx, func(ctx context.Context, db *esdb.Client) error {
		sub, err := s.open(ctx, db)
		stuck.Stop()
		if err != nil {
			return err
		}
		defer func() { _ = sub.Close() }()
		for {
			e := sub.Recv()
			if d := e.SubscriptionDropped; d != nil {
				if d.Error == nil {
					return errors.New("dropped without a reason")
				}
				return d.Error
			}
			if it, ok := s.take(e); ok && !s.emit(ctx, it) {
				return context.Cause(ctx)
			}
		}
	})
}

// take turns what the client says into an item and moves the place. Positions are only ever compared.
func (s *catchup) take(e *esdb.SubscriptionEvent) (item, bool) {
	it := item{place: s.place}
	switch {
	case e.EventAppeared != nil:
		it.event = e.EventAppeared.Event
		origin := e.EventAppeared.OriginalEvent()
		if it.event == nil || origin == nil {
			return it, false
		}
		it.place = origin.Position.Commit
		if s.stream != AllStreams {
			it.place = origin.EventNumber
		}
	case e.CheckPointReached != nil:
		it.kind, it.place = isCheckpoint, e.CheckPointReached.Commit
	case e.CaughtUp != nil:
		it.kind = isLive
		return it, true
	default:
		return it, false // fell behind: history again, in the same order
	}
	if s.started && it.place <= s.place {
		return it, false
	}
	s.started, s.place = true, it.place
	return it, true
}

// Filtered subscriptions look at this many events before they tell how far they are.
const (
	searchWindow       = 512
	checkpointInterval = 1
)

func (s *catchup) open(ctx context.Context, db *esdb.Client) (*esdb.Subscription, error) {
	if s.stream != AllStreams {
		o := esdb.SubscribeToStreamOptions{From: esdb.Start{}}
		if s.started {
			o.From = esdb.Revision(s.place)
		}
		return db.SubscribeToStream(ctx, s.stream, o)
	}
	o := esdb.SubscribeToAllOptions{From: esdb.Start{}, Filter: s.filter}
	if s.filter != nil {
		o.MaxSearchWindow, o.CheckpointInterval = searchWindow, checkpointInterval
	}
	if s.started {
		o.From = esdb.Position{Commit: s.place, Prepare: s.place}
	}
	return db.SubscribeToAll(ctx, o)
}
