package eventstore_test

import (
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/infra/eventstore"
	"zhiping/infra/eventstore/eventstoretest"
)

// TestWatermillGroups: the store remembers what a group has handled. Order holds for one consumer only, until
// something is nacked, so none is promised.
func TestWatermillGroups(t *testing.T) {
	s := startServer(t)
	group := func(t *testing.T, name string) (message.Publisher, message.Subscriber) {
		c := s.client(t)
		sub, err := eventstore.NewGroupSubscriber(c, eventstore.GroupConfig{Group: name, MaxRetries: 1000, Buffer: 8})
		require.NoError(t, err)
		return eventstore.NewPublisher(c), sub
	}
	tests.TestPubSub(t, features(tests.Features{ConsumerGroups: true, Persistent: true}),
		func(t *testing.T) (message.Publisher, message.Subscriber) { return group(t, "everyone") }, group)
}

func TestANackedMessageIsParkedInTheEnd(t *testing.T) {
	c := startServer(t).client(t)
	g, err := eventstore.NewGroupSubscriber(c, eventstore.GroupConfig{Group: "g", MaxRetries: 2})
	require.NoError(t, err)
	defer func() { require.NoError(t, g.Close()) }()
	for i := range 2 {
		_, err := c.Append(t.Context(), "test-park", int64(i)-1, []domain.Proposed{eventstoretest.Note("n", i)})
		require.NoError(t, err)
	}
	messages, err := g.Subscribe(t.Context(), "test-park")
	require.NoError(t, err)
	bad, good := 0, 0
	for good == 0 || bad < 3 {
		m := next(t, messages)
		if m.Metadata[eventstore.KeyRevision] == "0" {
			bad++
			m.Nack()
			continue
		}
		good++
		m.Ack()
	}
	select {
	case m := <-messages:
		t.Fatalf("%s came again", m.UUID)
	case <-time.After(100 * time.Millisecond):
	}
	require.Equal(t, 3, bad, "once and two retries")
}
