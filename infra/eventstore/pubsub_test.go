package eventstore_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/infra/eventstore"
	"zhiping/infra/eventstore/eventstoretest"
	"zhiping/projections"
)

// thorough runs Watermill's suite with its full numbers, which takes minutes on a small machine:
// ZHIPING_LONG=1 go test ./infra/eventstore -run Watermill
func thorough() bool { return os.Getenv("ZHIPING_LONG") != "" }

// TestWatermillCatchUp: every subscription starts at the beginning and gets everything, in order. There are no
// groups, and after a lost connection a message in hand can come again, so delivery is not exactly once.
func TestWatermillCatchUp(t *testing.T) {
	s := startServer(t)
	open := func(t *testing.T) (message.Publisher, message.Subscriber) {
		c := s.client(t)
		return eventstore.NewPublisher(c), eventstore.NewSubscriber(c, eventstore.SubscriberConfig{Name: t.Name()})
	}
	tests.TestPubSub(t, features(tests.Features{
		GuaranteedOrder: true, Persistent: true, NewSubscriberReceivesOldMessages: true,
	}), open, nil)
}

// features adds how thorough the run is. The suite's own TestReconnect is left out, by naming no command that restarts
// the server: it compares what came with a list of what was published without waiting until its publishers have
// completed that list, and so reports messages as "extra" that came sooner than the answer to their Publish, which no
// feature allows for. TestReconnecting… in this package does the same and waits.
func features(f tests.Features) tests.Features {
	f.ForceShort = !thorough()
	return f
}

func next(t *testing.T, ch <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case m, ok := <-ch:
		require.True(t, ok, "closed")
		return m
	case <-time.After(10 * time.Second):
		t.Fatal("no message")
		return nil
	}
}

func TestASubscriptionSurvivesRestartsWithoutGapsOrRepeats(t *testing.T) {
	s := startServer(t)
	c := s.client(t)
	const total = 60
	sub := eventstore.NewSubscriber(c, eventstore.SubscriberConfig{Name: "all", OnlyOurs: true})
	messages, err := sub.Subscribe(t.Context(), eventstore.AllStreams)
	require.NoError(t, err)
	go func() {
		for i := range total {
			e := []domain.Proposed{eventstoretest.Note("n", i)}
			for {
				if _, err := c.Append(context.Background(), "test-"+strconv.Itoa(i), commands.NoStream, e); err == nil {
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			if i == total/3 || i == total/2 {
				s.restart()
			}
		}
	}()
	for i := range total {
		m := next(t, messages)
		require.Equal(t, "test-"+strconv.Itoa(i), m.Metadata[eventstore.KeyStream])
		require.Equal(t, "TestNoted", m.Metadata[eventstore.KeyType])
		require.Equal(t, "corr-1", m.Metadata["correlation_id"])
		m.Ack()
	}
	require.NoError(t, sub.Close())
	_, open := <-messages
	require.False(t, open)
	_, err = sub.Subscribe(t.Context(), eventstore.AllStreams)
	require.Error(t, err)
}

func TestCheckpointsMoveOverWhatIsOfNoInterest(t *testing.T) {
	s := startServer(t)
	c := s.client(t)
	last := uint64(0)
	for i := range 5 {
		a, err := c.Append(t.Context(), "test-c", int64(i)-1, []domain.Proposed{eventstoretest.Note("n", i)})
		require.NoError(t, err)
		last = a.Position
	}
	sub := eventstore.NewSubscriber(c, eventstore.SubscriberConfig{OnlyOurs: true, Checkpoints: true, After: &last})
	defer func() { require.NoError(t, sub.Close()) }()
	messages, err := sub.Subscribe(t.Context(), eventstore.AllStreams)
	require.NoError(t, err)
	p := eventstore.NewPublisher(c)
	var m *message.Message
	for i := range 1200 { // of the kind that the filter leaves out
		sys := message.NewMessage(uuid.NewString(), []byte(`{}`))
		sys.Metadata[eventstore.KeyType] = "$test"
		require.NoError(t, p.Publish(fmt.Sprint("test-sys-", i%7), sys))
	}
	m = next(t, messages)
	require.Equal(t, eventstore.KindCheckpoint, m.Metadata[eventstore.KeyKind])
	at, err := strconv.ParseUint(m.Metadata[eventstore.KeyPosition], 10, 64)
	require.NoError(t, err)
	require.Greater(t, at, last)
	m.Ack()
}

func TestAFeedOfSomeCategories(t *testing.T) {
	c := startServer(t).client(t)
	write := func(stream string, n int) uint64 {
		t.Helper()
		a, err := c.Append(t.Context(), stream, commands.NoStream, []domain.Proposed{eventstoretest.Note("n", n)})
		require.NoError(t, err)
		return a.Position
	}
	write("test-1", 1)
	first := write("other-1", 2)
	second := write("third-1", 3)
	for i := range 1100 { // more than the store passes over without a word
		write("testing-"+strconv.Itoa(i), i+10)
	}
	feed := eventstore.NewFeed(c, "feed", "other", "third")
	sub := feed.Subscriber(0)
	defer func() { require.NoError(t, sub.Close()) }()
	messages, err := sub.Subscribe(t.Context(), projections.Topic)
	require.NoError(t, err)
	var got []uint64
	for at := uint64(0); at <= second; { // it tells how far it is, with nothing of interest too
		m := next(t, messages)
		d, ok := feed.Open(m)
		require.True(t, ok)
		for _, e := range d.Events {
			got = append(got, e.Position)
		}
		at = max(at, d.Position)
		m.Ack()
	}
	require.Equal(t, []uint64{first, second}, got)
}

func TestTheFeedTellsHistoryFromNews(t *testing.T) {
	s := startServer(t)
	c := s.client(t)
	for i := range 700 {
		_, err := c.Append(t.Context(), "test-"+strconv.Itoa(i), commands.NoStream, []domain.Proposed{eventstoretest.Note("n", i)})
		require.NoError(t, err)
	}
	feed := eventstore.NewFeed(c, "feed")
	sub := feed.Subscriber(0)
	defer func() { require.NoError(t, sub.Close()) }()
	messages, err := sub.Subscribe(t.Context(), projections.Topic)
	require.NoError(t, err)
	seen := 0
	receive := func() projections.Delivery {
		m := next(t, messages)
		d, ok := feed.Open(m)
		require.True(t, ok)
		for _, stored := range d.Events {
			e, err := feed.Decode(stored)
			require.NoError(t, err)
			require.Equal(t, eventstoretest.Noted{Text: "n", N: seen}, e.Event)
			outline, err := feed.Outline(stored)
			require.NoError(t, err)
			e.Event = nil
			require.Equal(t, e, outline)
			seen++
		}
		m.Ack()
		return d
	}
	for live := false; !live; {
		live = receive().Live
	}
	require.Equal(t, 700, seen)
	_, err = c.Append(t.Context(), "test-new", commands.NoStream, []domain.Proposed{eventstoretest.Note("n", 700)})
	require.NoError(t, err)
	for seen < 701 {
		require.True(t, receive().Live)
	}

	// An event that this program does not know is delivered as it is, and cannot be decoded.
	p := eventstore.NewPublisher(c)
	require.NoError(t, p.Publish("test-foreign", message.NewMessage(uuid.NewString(), []byte(`{}`))))
	for {
		m := next(t, messages)
		d, _ := feed.Open(m)
		m.Ack()
		if len(d.Events) == 0 {
			continue
		}
		_, err := feed.Decode(d.Events[0])
		require.ErrorIs(t, err, eventstore.ErrUnknownEvent)
		_, err = feed.Outline(d.Events[0])
		require.ErrorIs(t, err, eventstore.ErrUnknownEvent)
		break
	}
}
