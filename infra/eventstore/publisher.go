package eventstore

import (
	"fmt"
	"sync/atomic"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/ThreeDotsLabs/watermill/message"
)

// Publisher appends Watermill messages to streams. The topic is the stream; the messages of one Publish are
// stored all or none, at whatever revision the stream is. The message id makes a repeated Publish recognisable
// for as long as the store remembers the stream's recent ids. Safe for concurrent use.
type Publisher struct {
	client *Client
	closed atomic.Bool
}

var _ message.Publisher = (*Publisher)(nil)

// NewPublisher makes a publisher. Closing it leaves the client open.
func NewPublisher(c *Client) *Publisher { return &Publisher{client: c} }

// Publish appends the messages, under the context of the first one.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	if p.closed.Load() {
		return fmt.Errorf("publish to %s: %w", topic, errClosed)
	}
	if len(messages) == 0 {
		return nil
	}
	data := make([]esdb.EventData, len(messages))
	for i, m := range messages {
		var err error
		if data[i], err = encodeMessage(m); err != nil {
			return fmt.Errorf("publish to %s: %w", topic, err)
		}
	}
	opts := esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}
	if _, err := p.client.appendRaw(messages[0].Context(), topic, opts, data); err != nil {
		return fmt.Errorf("publish to %s: %w", topic, err)
	}
	return nil
}

// Close makes every later Publish fail.
func (p *Publisher) Close() error {
	p.closed.Store(true)
	return nil
}
