//go:build unix

package esdbserver_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"zhiping/infra/esdbserver/internal/model"
)

// follower is a subscriber that survives its server: it goes on from the last position that it has seen. It follows
// a stream, or everything, with a filter or without.
type follower struct {
	stream  string // "" for everything
	filter  *esdb.SubscriptionFilter
	matches func(model.Entry) bool

	from  esdb.Position // of the newest event or checkpoint
	began bool
	seen  []seen
	ended bool // the stream has a tombstone
}

func (f *follower) String() string {
	if f.stream != "" {
		return "subscription to " + f.stream
	}
	return fmt.Sprintf("subscription to $all, filtered %t", f.filter != nil)
}

// errDropped is a subscription that the server, or its death, has ended.
var errDropped = errors.New("dropped")

func (f *follower) subscribe(ctx context.Context, c *esdb.Client) (*esdb.Subscription, error) {
	if f.stream == "" {
		from := esdb.AllPosition(esdb.Start{})
		if f.began {
			from = f.from
		}
		return c.SubscribeToAll(ctx, esdb.SubscribeToAllOptions{From: from, Filter: f.filter, MaxSearchWindow: 8, CheckpointInterval: 2})
	}
	from := esdb.StreamPosition(esdb.Start{})
	if n := len(f.seen); n > 0 {
		from = esdb.Revision(uint64(f.seen[n-1].Revision))
	}
	return c.SubscribeToStream(ctx, f.stream, esdb.SubscribeToStreamOptions{From: from})
}

// follow goes on until the subscription is dropped, or until it has caught up if that is all that is wanted.
func (f *follower) follow(ctx context.Context, c *esdb.Client, onlyHistory bool) error {
	if f.ended {
		return nil
	}
	sub, err := f.subscribe(ctx, c)
	if err != nil {
		return f.dropped(err)
	}
	defer func() { _ = sub.Close() }()
	live, first := false, true
	for {
		switch e := sub.Recv(); {
		case e.SubscriptionDropped != nil:
			return f.dropped(e.SubscriptionDropped.Error)
		case e.CaughtUp != nil:
			if onlyHistory {
				return nil
			}
			live, first = true, true
		case e.CheckPointReached != nil:
			if e.CheckPointReached.Commit < f.from.Commit {
				return faultf("%s: checkpoint %d behind %d", f, e.CheckPointReached.Commit, f.from.Commit)
			}
			f.from, f.began = *e.CheckPointReached, true
		case e.EventAppeared != nil:
			if err := f.take(seenOf(e.EventAppeared.OriginalEvent()), live && !first); err != nil {
				return faultf("%s: %w", f, err)
			}
			first = false
		}
	}
}

func (f *follower) dropped(err error) error {
	if strings.Contains(err.Error(), "is deleted") || codeOf(err) == esdb.ErrorCodeStreamDeleted {
		f.ended = true
		return nil
	}
	return fmt.Errorf("%s: %w: %w", f, errDropped, err)
}

// take checks that an event is new and, where none can have been truncated before it was read, that it is the next.
func (f *follower) take(e seen, next bool) error {
	if f.began && e.position <= f.from.Commit {
		return fmt.Errorf("saw position %d after %d", e.position, f.from.Commit)
	}
	if n := len(f.seen); f.stream != "" && n > 0 && e.Type != model.TypeTombstone {
		last := f.seen[n-1].Revision
		if e.Revision <= last || next && e.Revision != last+1 {
			return fmt.Errorf("saw revision %d after %d", e.Revision, last)
		}
	}
	f.seen = append(f.seen, e)
	f.from, f.began = esdb.Position{Commit: e.position, Prepare: e.position}, true
	return nil
}

// check compares what was seen with the log: nothing else, in its order, and, once caught up, everything that was
// readable all the time.
func (f *follower) check(all []seen, hidden int64, caughtUp bool) error {
	n, missed := 0, 0
	for _, e := range all {
		if f.stream != "" && e.Stream != f.stream || f.matches != nil && !f.matches(e.Entry) {
			continue
		}
		if n < len(f.seen) && f.seen[n].position == e.position {
			if g := f.seen[n]; g.ID != e.ID || g.Revision != e.Revision || g.Stream != e.Stream || string(g.Data) != string(e.Data) {
				return fmt.Errorf("%s: saw %d@%s (%v) where the log has %d@%s (%v)", f, g.Revision, g.Stream, g.ID, e.Revision, e.Stream, e.ID)
			}
			n++
			continue
		}
		if f.stream != "" && (e.Revision < hidden || e.Type == model.TypeTombstone) {
			continue
		}
		if missed++; n < len(f.seen) || caughtUp {
			return faultf("%s: missed %d@%s at position %d, having seen %d events up to %d", f, e.Revision, e.Stream, e.position, n, f.from.Commit)
		}
	}
	if n < len(f.seen) {
		g := f.seen[n]
		return fmt.Errorf("%s: saw %d@%s (%v) at position %d, which the log does not have", f, g.Revision, g.Stream, g.ID, g.position)
	}
	return nil
}

// followers are one subscriber to each stream of the actors and to the shared one, one to everything and two that filter.
type followers struct {
	all      []*follower
	byStream map[string]*follower
}

func newFollowers() *followers {
	return &followers{byStream: map[string]*follower{}, all: []*follower{
		{},
		{
			filter:  &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"m0-"}},
			matches: func(e model.Entry) bool { return strings.HasPrefix(e.Stream, "m0-") },
		},
		{
			filter:  &esdb.SubscriptionFilter{Type: esdb.EventFilterType, Regex: "^(T1|\\$metadata)$"},
			matches: func(e model.Entry) bool { return e.Type == "T1" || e.Type == model.TypeMetadata },
		},
		{stream: sharedStream},
	}}
}

// cover adds subscribers to streams, and to their metadata, that have none yet.
func (fs *followers) cover(actors []*actor) {
	for _, a := range actors {
		for _, name := range a.names {
			for _, name := range []string{name, "$$" + name} {
				if fs.byStream[name] == nil {
					f := &follower{stream: name}
					fs.byStream[name] = f
					fs.all = append(fs.all, f)
				}
			}
		}
	}
}

// check compares all of them with the log.
func (fs *followers) check(all []seen, actors []*actor, caughtUp bool) error {
	for _, f := range fs.all {
		hidden := int64(0)
		for _, a := range actors {
			if f.stream != "" && a.owns(f.stream) {
				hidden = a.model.HiddenBelow(f.stream)
			}
		}
		if err := f.check(all, hidden, caughtUp); err != nil {
			return err
		}
	}
	return nil
}
