package eventstore

import (
	"context"
	"strconv"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/projections"
)

const (
	// feedBuffer is how many events wait for the projector: reading goes on meanwhile.
	feedBuffer = 1024
	// feedMost is how many events one message carries at most.
	feedMost = 512
)

// Feed is the source of events of projectors and followers: all streams or those of some categories, the store's own
// events left out. Its messages carry as many events as were there, because a message an event would cost more than folding
// it. Safe for concurrent use.
type Feed struct {
	client *Client
	name   string
	filter *esdb.SubscriptionFilter
}

var (
	_ projections.Feed = (*Feed)(nil)
	_ projections.Log  = (*Feed)(nil)
)

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

// End implements projections.Log.
func (f *Feed) End(ctx context.Context) (uint64, error) { return f.client.End(ctx) }

// EventAt implements projections.Log.
func (f *Feed) EventAt(ctx context.Context, position uint64) (uuid.UUID, bool, error) {
	return f.client.EventAt(ctx, position)
}

// Decode implements projections.Feed.
func (f *Feed) Decode(s projections.Stored) (domain.Recorded, error) {
	return f.client.codec.Decode(recordedAs(s))
}

// Outline implements projections.Feed.
func (f *Feed) Outline(s projections.Stored) (domain.Recorded, error) {
	return f.client.codec.Outline(recordedAs(s))
}

func recordedAs(s projections.Stored) *esdb.RecordedEvent {
	return &esdb.RecordedEvent{
		EventID: s.ID, EventType: s.Type, StreamID: s.Stream, EventNumber: s.Revision, Position: esdb.Position{Commit: s.Position, Prepare: s.Position},
		CreatedDate: s.Created, Data: s.Data, UserMetadata: s.Meta,
	}
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

// Subscribe implements message.Subscriber. The topic is always all streams.
func (s *feedSubscriber) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	out := make(chan *message.Message)
	buffer := make(chan item, feedBuffer)
	sub := &catchup{client: s.client, name: s.name, stream: AllStreams, started: s.after > 0, place: s.after}
	sub.filter = s.filter
	sub.emit = func(ctx context.Context, it item) bool {
		select {
		case buffer <- it:
			return true
		case <-ctx.Done():
			return false
		}
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
func (s *feedSubscriber) forward(ctx context.Context, buffer <-chan item, out chan<- *message.Message) {
	live := false
	for {
		var d projections.Delivery
		take := func(it item) {
			switch it.kind {
			case isEvent:
				d.Events = append(d.Events, storedAs(it.event))
			case isLive:
				live = true
			case isDropped:
				live = false
			case isCheckpoint:
			}
			d.Position = max(d.Position, it.place)
		}
		select {
		case it := <-buffer:
			take(it)
		case <-ctx.Done():
			return
		}
	more:
		for len(d.Events) < feedMost {
			select {
			case it := <-buffer:
				take(it)
			default:
				break more
			}
		}
		d.Live = live
		for {
			o := deliver(context.WithValue(ctx, deliveryKey{}, d), out, s.message(d))
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

// message has the metadata of a single event, for middlewares that look at it.
func (s *feedSubscriber) message(d projections.Delivery) *message.Message {
	position := strconv.FormatUint(d.Position, 10)
	m := message.NewMessage("to-"+position, nil) // a random id for each would cost more than the delivery
	m.Metadata[KeyPosition] = position
	if len(d.Events) == 1 {
		e := d.Events[0]
		m.UUID = e.ID.String()
		m.Metadata[KeyStream], m.Metadata[KeyType] = e.Stream, e.Type
		m.Metadata[KeyRevision] = strconv.FormatUint(e.Revision, 10)
		if r, err := s.client.codec.Outline(recordedAs(e)); err == nil { // whoever decodes it hears of an error
			m.Metadata[keyCorrelation] = r.Meta.CorrelationID
		}
	}
	return m
}
