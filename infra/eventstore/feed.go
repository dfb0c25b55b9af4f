package eventstore

import (
	"context"
	"strconv"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/ThreeDotsLabs/watermill/message"

	"zhiping/domain"
	"zhiping/projections"
)

const (
	// feedBuffer is how many decoded events wait for the projector: reading and decoding go on meanwhile.
	feedBuffer = 1024
	// feedMost is how many events one message carries at most.
	feedMost = 512
)

// Feed is the source of events of projectors and followers: all streams or those of some categories, the store's own
// events left out. Its messages carry as many
// decoded events as were there, because a message an event would cost more than folding it. Safe for concurrent use.
type Feed struct {
	client *Client
	name   string
	filter *esdb.SubscriptionFilter
}

var _ projections.Feed = (*Feed)(nil)

// NewFeed makes a feed; the name is for logs and metrics. Where categories are named, the event store leaves out the
// streams of all others, and nothing of them is sent or decoded.
func NewFeed(c *Client, name string, categories ...string) *Feed {
	f := &Feed{client: c, name: name, filter: ours()}
	if len(categories) > 0 {
		f.filter = &esdb.SubscriptionFilter{Type: esdb.StreamFilterType}
	}
	for _, category := range categories {
		f.filter.Prefixes = append(f.filter.Prefixes, domain.Stream(category, ""))
	}
	return f
}

// Head implements projections.Feed.
func (f *Feed) Head(ctx context.Context) (uint64, error) { return f.client.Head(ctx) }

// Decode implements projections.Feed.
func (f *Feed) Decode(s projections.Stored) (domain.Recorded, error) {
	return f.client.codec.Decode(&esdb.RecordedEvent{
		EventID: s.ID, EventType: s.Type, StreamID: s.Stream, EventNumber: s.Revision, Position: esdb.Position{Commit: s.Position, Prepare: s.Position},
		CreatedDate: s.Created, Data: s.Data, UserMetadata: s.Meta,
	})
}

func storedAs(e *esdb.RecordedEvent) projections.Stored {
	return projections.Stored{
		Stream: e.StreamID, Type: e.EventType, Revision: e.EventNumber, Position: e.Position.Commit, ID: e.EventID,
		Created: e.CreatedDate, Data: e.Data, Meta: e.UserMetadata,
	}
}

// Subscriber implements projections.Feed. Closing it ends its subscriptions; the client stays open.
func (f *Feed) Subscriber(after uint64) message.Subscriber {
	s := &feedSubscriber{client: f.client, name: f.name, filter: f.filter, after: after}
	s.init()
	return s
}

type deliveryKey struct{}

// Open implements projections.Feed.
func (f *Feed) Open(m *message.Message) (projections.Delivery, bool) {
	d, ok := m.Context().Value(deliveryKey{}).(projections.Delivery)
	return d, ok
}

type feedSubscriber struct {
	client *Client
	name   string
	filter *esdb.SubscriptionFilter
	after  uint64
	subscriptions
}

// told is what passes from reading to delivering.
type told struct {
	event  domain.Recorded
	stored projections.Stored
	place  uint64
	kind   itemKind
	err    error
}

// Subscribe implements message.Subscriber. The topic is always all streams.
func (s *feedSubscriber) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	out := make(chan *message.Message)
	buffer := make(chan told, feedBuffer)
	sub := &catchup{client: s.client, name: s.name, stream: AllStreams, started: s.after > 0, place: s.after}
	sub.filter = s.filter
	sub.emit = func(ctx context.Context, it item) bool {
		t := told{place: it.place, kind: it.kind}
		if it.kind == isEvent {
			t.event, t.err = s.client.codec.Decode(it.event)
			t.stored = storedAs(it.event)
		}
		select {
		case buffer <- t:
		case <-ctx.Done():
			return false
		}
		if t.err != nil {
			<-ctx.Done() // nothing may follow what could not be read
		}
		return t.err == nil
	}
	if err := s.start(ctx, sub.run); err != nil {
		return nil, err
	}
	err := s.start(ctx, func(ctx context.Context) {
		defer close(out)
		s.forward(ctx, buffer, out)
	})
	return out, err
}

// forward hands over what has been read, as much as there is, and waits for the ack.
func (s *feedSubscriber) forward(ctx context.Context, buffer <-chan told, out chan<- *message.Message) {
	live := false
	for {
		var d projections.Delivery
		take := func(t told) {
			switch {
			case t.err != nil:
				d.Err = t.err
				return
			case t.kind == isEvent:
				d.Events, d.Stored = append(d.Events, t.event), append(d.Stored, t.stored)
			case t.kind == isLive:
				live = true
			case t.kind == isDropped:
				live = false
			}
			d.Position = max(d.Position, t.place)
		}
		select {
		case t := <-buffer:
			take(t)
		case <-ctx.Done():
			return
		}
	more:
		for len(d.Events) < feedMost && d.Err == nil {
			select {
			case t := <-buffer:
				take(t)
			default:
				break more
			}
		}
		d.Live = live
		for {
			o := deliver(context.WithValue(ctx, deliveryKey{}, d), out, feedMessage(d))
			if o == ended {
				return
			}
			if o == acked {
				break
			}
			sleep(ctx, backoffMin)
		}
	}
}

// feedMessage has the metadata of a single event, for middlewares that look at it.
func feedMessage(d projections.Delivery) *message.Message {
	position := strconv.FormatUint(d.Position, 10)
	m := message.NewMessage("to-"+position, nil) // a random id for each would cost more than the delivery
	m.Metadata[KeyPosition] = position
	if len(d.Events) == 1 {
		e := d.Events[0]
		m.UUID = e.ID.String()
		m.Metadata[KeyStream], m.Metadata[KeyType] = e.Stream, e.Type
		m.Metadata[KeyRevision] = strconv.FormatUint(e.Revision, 10)
		m.Metadata[keyCorrelation] = e.Meta.CorrelationID
	}
	return m
}
