package eventstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/ThreeDotsLabs/watermill/message"
)

// SubscriberConfig says what a Subscriber delivers.
type SubscriberConfig struct {
	// Name is for logs and metrics. Renaming changes nothing else.
	Name string
	// After is the place behind which a catch-up subscription starts: a revision of the topic's stream, or a
	// position when the topic is AllStreams. Nil means the very beginning.
	After *uint64
	// OnlyOurs leaves the store's own events out of AllStreams.
	OnlyOurs bool
	// Checkpoints delivers KindCheckpoint messages too, so that a consumer's own checkpoint moves over
	// stretches in which nothing was of interest.
	Checkpoints bool
	// RedeliverAfter is the pause before a nacked message comes again. Default 10 ms.
	RedeliverAfter time.Duration
}

// Subscriber delivers the events of a stream, or of all streams, by catch-up subscriptions: every Subscribe is a
// subscription of its own from the configured place on, in order, the next message only after the last one's
// ack. A nacked message comes again. A lost connection is resumed behind the last delivered message. What has
// been handled is for the consumer to remember. Safe for concurrent use.
type Subscriber struct {
	client *Client
	cfg    SubscriberConfig
	subscriptions
}

// subscriptions owns the goroutines of a subscriber.
type subscriptions struct {
	mu     sync.Mutex
	closed bool
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func (s *subscriptions) init() { s.ctx, s.cancel = context.WithCancel(context.Background()) }

// start runs a goroutine whose context ends with the caller's, or with Close.
func (s *subscriptions) start(ctx context.Context, run func(context.Context)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	s.wg.Go(func() {
		defer cancel()
		defer stop()
		run(ctx)
	})
	return nil
}

// Close ends all subscriptions and waits for them. Their channels are closed.
func (s *subscriptions) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
	return nil
}

var _ message.Subscriber = (*Subscriber)(nil)

// NewSubscriber makes a subscriber. Closing it leaves the client open.
func NewSubscriber(c *Client, cfg SubscriberConfig) *Subscriber {
	if cfg.RedeliverAfter <= 0 {
		cfg.RedeliverAfter = 10 * time.Millisecond
	}
	s := &Subscriber{client: c, cfg: cfg}
	s.init()
	return s
}

// Subscribe starts a subscription. It does not wait for a connection. The channel is closed when ctx ends.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if topic == "" {
		return nil, errors.New("eventstore: subscribe to an empty topic")
	}
	out := make(chan *message.Message)
	err := s.start(ctx, func(ctx context.Context) {
		defer close(out)
		sub := s.catchup(topic)
		sub.emit = func(ctx context.Context, it item) bool { return s.emit(ctx, out, it) }
		sub.run(ctx)
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	return out, nil
}

func (s *Subscriber) catchup(topic string) *catchup {
	c := &catchup{client: s.client, name: s.cfg.Name, stream: topic}
	if s.cfg.After != nil {
		c.started, c.place = true, *s.cfg.After
	}
	if s.cfg.OnlyOurs && topic == AllStreams {
		c.filter = ours()
	}
	return c
}

// ours leaves out the store's own events. (The client's own filter for that does not match one-letter types.)
func ours() *esdb.SubscriptionFilter {
	return &esdb.SubscriptionFilter{Type: esdb.EventFilterType, Regex: `^[^$]`}
}

func (s *Subscriber) emit(ctx context.Context, out chan<- *message.Message, it item) bool {
	for {
		var m *message.Message
		switch {
		case it.kind == isEvent:
			m = decodeMessage(it.event)
		case it.kind == isCheckpoint && s.cfg.Checkpoints:
			m = checkpointMessage(it.place)
		default:
			return true
		}
		switch deliver(ctx, out, m) {
		case acked:
			return true
		case ended:
			return false
		}
		sleep(ctx, s.cfg.RedeliverAfter)
	}
}

type outcome int

const (
	acked outcome = iota
	nacked
	ended
)

// deliver hands a message over and waits for its ack. The message's context ends with the delivery.
func deliver(ctx context.Context, out chan<- *message.Message, m *message.Message) outcome {
	mctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m.SetContext(mctx)
	select {
	case out <- m:
	case <-ctx.Done():
		return ended
	}
	select {
	case <-m.Acked():
		return acked
	case <-m.Nacked():
		return nacked
	case <-ctx.Done():
		return ended
	}
}
