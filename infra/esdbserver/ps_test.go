package esdbserver_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/stretchr/testify/require"

	"zhiping/infra/esdbserver"
)

// nextMessage waits for one message of a persistent subscription.
func nextMessage(t testing.TB, sub *esdb.PersistentSubscription) *esdb.EventAppeared {
	t.Helper()
	e := sub.Recv()
	if e.SubscriptionDropped != nil {
		t.Fatal(e.SubscriptionDropped.Error)
	}
	return e.EventAppeared
}

func group(t testing.TB, c *esdb.Client, stream, name string, change func(*esdb.PersistentSubscriptionSettings)) {
	t.Helper()
	set := esdb.SubscriptionSettingsDefault()
	if change != nil {
		change(&set)
	}
	opts := esdb.PersistentStreamSubscriptionOptions{Settings: &set, StartFrom: esdb.Start{}}
	require.NoError(t, c.CreatePersistentSubscription(context.Background(), stream, name, opts))
}

func join(t testing.TB, c *esdb.Client, stream, name string, buffer uint32) *esdb.PersistentSubscription {
	t.Helper()
	sub, err := c.SubscribeToPersistentSubscription(context.Background(), stream, name,
		esdb.SubscribeToPersistentSubscriptionOptions{BufferSize: buffer})
	require.NoError(t, err)
	t.Cleanup(func() { _ = sub.Close() })
	return sub
}

func TestPersistentSubscriptionResumesAfterRestart(t *testing.T) {
	ctx := bounded(t)
	dir := t.TempDir()
	s, stop := start(t, dir)
	c := dial(t, s)
	group(t, c, "s", "g", nil)
	_, err := c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, events(0, 30)...)
	require.NoError(t, err)
	sub := join(t, c, "s", "g", 5)
	for n := range uint64(20) {
		m := nextMessage(t, sub)
		require.Equal(t, n, m.Event.OriginalEvent().EventNumber)
		require.NoError(t, sub.Ack(m.Event))
	}
	require.Eventually(t, func() bool {
		info, err := c.GetPersistentSubscriptionInfo(ctx, "s", "g", esdb.GetPersistentSubscriptionOptions{})
		return err == nil && info.Connections[0].TotalItemsProcessed >= 25 // so the last ack has arrived
	}, 5*time.Second, 5*time.Millisecond)
	stop()
	s, _ = start(t, dir)
	c = dial(t, s)
	sub = join(t, c, "s", "g", 5)
	require.Equal(t, uint64(20), nextMessage(t, sub).Event.OriginalEvent().EventNumber)
}

func TestNackParksRetriesAndSkips(t *testing.T) {
	ctx := bounded(t)
	c := connect(t)
	group(t, c, "s", "g", func(s *esdb.PersistentSubscriptionSettings) { s.MaxRetryCount = 2 })
	_, err := c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, events(0, 3)...)
	require.NoError(t, err)
	sub := join(t, c, "s", "g", 1)

	m := nextMessage(t, sub)
	require.NoError(t, sub.Nack("bad", esdb.NackActionPark, m.Event))
	for retries := range 3 { // the first delivery and two more, then it is parked
		m = nextMessage(t, sub)
		require.Equal(t, uint64(1), m.Event.OriginalEvent().EventNumber)
		require.Equal(t, retries, m.RetryCount)
		require.NoError(t, sub.Nack("again", esdb.NackActionRetry, m.Event))
	}
	m = nextMessage(t, sub)
	require.Equal(t, uint64(2), m.Event.OriginalEvent().EventNumber)
	require.NoError(t, sub.Nack("no", esdb.NackActionSkip, m.Event))

	parked := func() int64 {
		info, err := c.GetPersistentSubscriptionInfo(ctx, "s", "g", esdb.GetPersistentSubscriptionOptions{})
		require.NoError(t, err)
		return info.Stats.ParkedMessagesCount
	}
	require.Equal(t, int64(2), parked())
	require.NoError(t, c.ReplayParkedMessages(ctx, "s", "g", esdb.ReplayParkedMessagesOptions{}))
	for n := range uint64(2) {
		m = nextMessage(t, sub)
		require.Equal(t, n, m.Event.Event.EventNumber)
		require.NotNil(t, m.Event.Link)
		require.NoError(t, sub.Ack(m.Event))
	}
	require.Eventually(t, func() bool { return parked() == 0 }, 5*time.Second, 5*time.Millisecond)
}

func TestMessageTimesOutToAnotherConsumer(t *testing.T) {
	ctx := bounded(t)
	c := connect(t)
	group(t, c, "s", "g", func(s *esdb.PersistentSubscriptionSettings) { s.MessageTimeout = 100 })
	one, two := join(t, c, "s", "g", 1), join(t, c, "s", "g", 1)
	_, err := c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, events(0, 1)...)
	require.NoError(t, err)
	require.Equal(t, 0, nextMessage(t, one).RetryCount)
	m := nextMessage(t, two)
	require.Equal(t, 1, m.RetryCount)
	require.NoError(t, two.Ack(m.Event))
}

func TestMessagesOfALostConsumerGoToAnother(t *testing.T) {
	ctx := bounded(t)
	c := connect(t)
	group(t, c, "s", "g", nil)
	_, err := c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, events(0, 4)...)
	require.NoError(t, err)
	one := join(t, c, "s", "g", 4)
	for range 4 {
		nextMessage(t, one)
	}
	require.NoError(t, one.Close())
	two := join(t, c, "s", "g", 4)
	for n := range uint64(4) {
		require.Equal(t, n, nextMessage(t, two).Event.OriginalEvent().EventNumber)
	}
}

func TestGroupErrorsAreTyped(t *testing.T) {
	ctx := bounded(t)
	c := connect(t)
	group(t, c, "s", "g", func(s *esdb.PersistentSubscriptionSettings) { s.MaxSubscriberCount = 1 })
	err := c.CreatePersistentSubscription(ctx, "s", "g", esdb.PersistentStreamSubscriptionOptions{})
	require.Equal(t, esdb.ErrorCodeResourceAlreadyExists, codeOf(err))
	err = c.DeletePersistentSubscription(ctx, "s", "none", esdb.DeletePersistentSubscriptionOptions{})
	require.Equal(t, esdb.ErrorCodeResourceNotFound, codeOf(err))
	sub := join(t, c, "s", "g", 1)
	_, err = c.SubscribeToPersistentSubscription(ctx, "s", "g", esdb.SubscribeToPersistentSubscriptionOptions{})
	require.Error(t, err, "one subscriber is the maximum")
	require.NoError(t, c.DeletePersistentSubscription(ctx, "s", "g", esdb.DeletePersistentSubscriptionOptions{}))
	require.NotNil(t, sub.Recv().SubscriptionDropped)
}

func TestSystemProjectionsLinkByCategoryAndType(t *testing.T) {
	ctx := bounded(t)
	dir := t.TempDir()
	on := func(c *esdbserver.Config) { c.Projections = true }
	s, stop := start(t, dir, on)
	c := dial(t, s)
	for n := range 6 {
		stream := []string{"cat-a", "cat-b", "plain"}[n%3]
		_, err := c.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{}, event(n))
		require.NoError(t, err)
	}
	links := func(stream string) []*esdb.ResolvedEvent {
		out, err := drain(c.ReadStream(ctx, stream, esdb.ReadStreamOptions{ResolveLinkTos: true}, math.MaxUint64))
		if codeOf(err) == esdb.ErrorCodeResourceNotFound {
			return nil
		}
		require.NoError(t, err)
		return out
	}
	require.Eventually(t, func() bool { return len(links("$et-Counted")) == 6 }, 5*time.Second, 5*time.Millisecond)
	require.Len(t, links("$ce-cat"), 4)
	require.Equal(t, "cat-b", links("$ce-cat")[1].Event.StreamID)
	require.Equal(t, uint64(1), links("$ce-cat")[1].Link.EventNumber)
	stop()
	s, _ = start(t, dir, on)
	c = dial(t, s)
	_, err := c.AppendToStream(ctx, "cat-a", esdb.AppendToStreamOptions{}, event(7))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(links("$ce-cat")) >= 5 }, 5*time.Second, 5*time.Millisecond)
	require.Len(t, links("$ce-cat"), 5, "nothing is linked twice after a restart")
	_, err = c.DeleteStream(ctx, "cat-b", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(links("$et-$deleted")) == 1 }, 5*time.Second, 5*time.Millisecond)
}
