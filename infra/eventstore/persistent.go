package eventstore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/ThreeDotsLabs/watermill/message"
)

// GroupConfig says how a persistent subscription's group behaves.
type GroupConfig struct {
	// Group names the consumers that share the work. Renaming starts over.
	Group string
	// MaxRetries is how often a nacked message comes again before it is parked. Default 10.
	MaxRetries int
	// Buffer is how many messages the store hands out ahead. Default 32.
	Buffer int
	// Types are the events that a new group on AllStreams gets, by type; all of ours where there are none named.
	Types []string
	// OnlyNew makes a new group on AllStreams begin behind the newest event, and not with history.
	OnlyNew bool
	// AckTimeout is after how long without an answer the store hands a message out again. Default 30 s.
	AckTimeout time.Duration
}

// GroupSubscriber delivers by persistent subscriptions: the store remembers what each group has handled, shares
// the messages out among the group's consumers, repeats what was nacked or not answered in time, and parks what
// was nacked too often. So a message can come more than once and out of order. Safe for concurrent use.
type GroupSubscriber struct {
	client *Client
	cfg    GroupConfig
	subscriptions
}

var (
	_ message.Subscriber           = (*GroupSubscriber)(nil)
	_ message.SubscribeInitializer = (*GroupSubscriber)(nil)
)

// NewGroupSubscriber makes a subscriber. Closing it leaves the client open.
func NewGroupSubscriber(c *Client, cfg GroupConfig) (*GroupSubscriber, error) {
	if cfg.Group == "" {
		return nil, errors.New("eventstore: a persistent subscription needs a group")
	}
	if cfg.MaxRetries <= 0 {
		cfg.MaxRetries = 10
	}
	if cfg.Buffer <= 0 {
		cfg.Buffer = 32
	}
	if cfg.AckTimeout <= 0 {
		cfg.AckTimeout = 30 * time.Second
	}
	s := &GroupSubscriber{client: c, cfg: cfg}
	s.init()
	return s, nil
}

// SubscribeInitialize creates the group on a topic unless it is there.
func (s *GroupSubscriber) SubscribeInitialize(topic string) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.client.calls.Timeout)
	defer cancel()
	return s.create(ctx, topic)
}

func (s *GroupSubscriber) create(ctx context.Context, topic string) error {
	// Not esdb.End: until its first checkpoint a group would begin at whatever is the end after a restart.
	var from esdb.AllPosition = esdb.Start{}
	if s.cfg.OnlyNew && topic == AllStreams {
		head, err := s.client.Head(ctx)
		if err != nil {
			return fmt.Errorf("create group %s: %w", s.cfg.Group, err)
		}
		if head > 0 {
			from = esdb.Position{Commit: head, Prepare: head}
		}
	}
	settings := esdb.SubscriptionSettingsDefault()
	settings.MaxRetryCount = int32(s.cfg.MaxRetries)                 // #nosec G115 -- settings of our own, far below 2^31
	settings.MessageTimeout = int32(s.cfg.AckTimeout.Milliseconds()) // #nosec G115 -- settings of our own, far below 2^31
	err := s.client.calls.do(ctx, func(ctx context.Context, db *esdb.Client) error {
		if topic == AllStreams {
			return db.CreatePersistentSubscriptionToAll(ctx, s.cfg.Group, esdb.PersistentAllSubscriptionOptions{
				Settings: &settings, StartFrom: from, Filter: s.filter(),
			})
		}
		return db.CreatePersistentSubscription(ctx, topic, s.cfg.Group, esdb.PersistentStreamSubscriptionOptions{
			Settings: &settings, StartFrom: esdb.Start{},
		})
	})
	if c, _ := code(err); err != nil && c != esdb.ErrorCodeResourceAlreadyExists {
		return fmt.Errorf("create group %s on %s: %w", s.cfg.Group, topic, classify(err))
	}
	return nil
}

func (s *GroupSubscriber) filter() *esdb.SubscriptionFilter {
	if len(s.cfg.Types) == 0 {
		return ours()
	}
	quoted := make([]string, len(s.cfg.Types))
	for i, t := range s.cfg.Types {
		quoted[i] = regexp.QuoteMeta(t)
	}
	return &esdb.SubscriptionFilter{Type: esdb.EventFilterType, Regex: "^(" + strings.Join(quoted, "|") + ")$"}
}

// Subscribe joins the group, which is created if need be. The channel is closed when ctx ends.
func (s *GroupSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if topic == "" {
		return nil, errors.New("eventstore: subscribe to an empty topic")
	}
	out := make(chan *message.Message)
	err := s.start(ctx, func(ctx context.Context) {
		defer close(out)
		s.run(ctx, topic, out)
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	return out, nil
}

func (s *GroupSubscriber) run(ctx context.Context, topic string, out chan<- *message.Message) {
	delay := backoffMin
	for {
		began := time.Now()
		err := s.create(ctx, topic)
		if err == nil {
			err = s.connection(ctx, topic, out)
		}
		if ctx.Err() != nil {
			return
		}
		d, name := s.client.subs, s.cfg.Group+"@"+topic
		d.Logger.Warn("persistent subscription lost, will rejoin", "subscription", name, "error", err)
		d.Observe.Reconnect(name, err)
		if time.Since(began) > backoffMax {
			delay = backoffMin
		}
		sleep(ctx, jitter(delay))
		delay = min(2*delay, backoffMax)
	}
}

// connection is one generation of the subscription. A message is answered on the connection that it came by: the
// store hands what an old one left unanswered out again by itself.
func (s *GroupSubscriber) connection(ctx context.Context, topic string, out chan<- *message.Message) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stuck := time.AfterFunc(s.client.subs.Timeout, func() { cancel(context.DeadlineExceeded) })
	defer stuck.Stop()
	return s.client.subs.do(ctx, func(ctx context.Context, db *esdb.Client) error {
		sub, err := s.open(ctx, db, topic)
		stuck.Stop()
		if err != nil {
			return err
		}
		defer func() { _ = sub.Close() }()
		for {
			e := sub.Recv()
			if d := e.SubscriptionDropped; d != nil {
				return fmt.Errorf("dropped: %w", d.Error)
			}
			if e.EventAppeared == nil {
				continue
			}
			if err := s.handle(ctx, sub, e.EventAppeared, out); err != nil {
				return err
			}
		}
	})
}

func (s *GroupSubscriber) open(ctx context.Context, db *esdb.Client, topic string) (*esdb.PersistentSubscription, error) {
	o := esdb.SubscribeToPersistentSubscriptionOptions{BufferSize: uint32(s.cfg.Buffer)} // #nosec G115 -- settings of our own, far below 2^31
	if topic == AllStreams {
		return db.SubscribeToPersistentSubscriptionToAll(ctx, s.cfg.Group, o)
	}
	return db.SubscribeToPersistentSubscription(ctx, topic, s.cfg.Group, o)
}

func (s *GroupSubscriber) handle(ctx context.Context, sub *esdb.PersistentSubscription, e *esdb.EventAppeared, out chan<- *message.Message) error {
	if e.Event.Event == nil { // a link whose target is gone: nothing will ever come of it
		return sub.Nack("link without a target", esdb.NackActionSkip, e.Event)
	}
	m := decodeMessage(e.Event.Event)
	m.Metadata[KeyRetries] = strconv.Itoa(e.RetryCount)
	switch deliver(ctx, out, m) {
	case acked:
		return sub.Ack(e.Event)
	case nacked:
		if e.RetryCount >= s.cfg.MaxRetries {
			return sub.Nack("nacked too often", esdb.NackActionPark, e.Event)
		}
		return sub.Nack("nacked", esdb.NackActionRetry, e.Event)
	}
	return context.Cause(ctx)
}
