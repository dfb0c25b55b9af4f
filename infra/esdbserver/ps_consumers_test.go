//go:build unix

package esdbserver_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestPinnedKeepsAStreamWithOneConsumer(t *testing.T) {
	ctx := bounded(t)
	c := connect(t)
	set := esdb.SubscriptionSettingsDefault()
	set.ConsumerStrategyName = esdb.ConsumerStrategyPinned
	require.NoError(t, c.CreatePersistentSubscriptionToAll(ctx, "g", esdb.PersistentAllSubscriptionOptions{
		Settings: &set, StartFrom: esdb.Start{},
		Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"pin-"}},
	}))
	type seen struct {
		consumer int
		stream   string
		number   uint64
	}
	got := make(chan seen, 100)
	for i := range 2 {
		sub, err := c.SubscribeToPersistentSubscriptionToAll(ctx, "g", esdb.SubscribeToPersistentSubscriptionOptions{BufferSize: 3})
		require.NoError(t, err)
		ended := make(chan struct{})
		t.Cleanup(func() { _ = sub.Close(); <-ended })
		go func() {
			defer close(ended)
			for {
				e := sub.Recv()
				if e.EventAppeared == nil {
					return
				}
				o := e.EventAppeared.Event.OriginalEvent()
				got <- seen{i, o.StreamID, o.EventNumber}
				_ = sub.Ack(e.EventAppeared.Event)
			}
		}()
	}
	for n := range 10 {
		for _, stream := range []string{"pin-a", "pin-b", "pin-c", "pin-d", "other"} {
			_, err := c.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{}, event(n))
			require.NoError(t, err)
		}
	}
	owner, next := map[string]int{}, map[string]uint64{}
	for range 40 {
		m := <-got
		if at, ok := owner[m.stream]; ok {
			require.Equal(t, at, m.consumer, m.stream)
		}
		owner[m.stream] = m.consumer
		require.Equal(t, next[m.stream], m.number, m.stream)
		next[m.stream]++
	}
	require.NotContains(t, owner, "other")
}

func TestStrategiesChooseConsumers(t *testing.T) {
	for strategy, want := range map[esdb.ConsumerStrategy][2]int{
		esdb.ConsumerStrategyRoundRobin:       {3, 3},
		esdb.ConsumerStrategyDispatchToSingle: {5, 1}, // the second gets what the first has no room for
	} {
		t.Run(string(strategy), func(t *testing.T) {
			ctx := bounded(t)
			c := connect(t)
			group(t, c, "s", "g", func(s *esdb.PersistentSubscriptionSettings) { s.ConsumerStrategyName = strategy })
			subs := []*esdb.PersistentSubscription{join(t, c, "s", "g", 5), join(t, c, "s", "g", 5)}
			_, err := c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, events(0, 6)...)
			require.NoError(t, err)
			var seen []uint64
			for i, sub := range subs {
				for range want[i] {
					seen = append(seen, nextMessage(t, sub).Event.OriginalEvent().EventNumber)
				}
			}
			require.ElementsMatch(t, []uint64{0, 1, 2, 3, 4, 5}, seen)
		})
	}
}

// inFlight waits until a number of messages of group g are with consumers.
func inFlight(t testing.TB, c *esdb.Client, stream string, messages int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		info, err := c.GetPersistentSubscriptionInfo(context.Background(), stream, "g", esdb.GetPersistentSubscriptionOptions{})
		return err == nil && info.Stats.TotalInFlightMessages == messages
	}, waitLimit, waitStep)
}

// TestDispatchToSingleStaysWithTheNext goes back to the first consumer only when the second is full.
func TestDispatchToSingleStaysWithTheNext(t *testing.T) {
	ctx := bounded(t)
	c := connect(t)
	group(t, c, "s", "g", func(s *esdb.PersistentSubscriptionSettings) {
		s.ConsumerStrategyName = esdb.ConsumerStrategyDispatchToSingle
	})
	one, two := join(t, c, "s", "g", 2), join(t, c, "s", "g", 2)
	deliver := func(to *esdb.PersistentSubscription, numbers ...uint64) []*esdb.ResolvedEvent {
		var out []*esdb.ResolvedEvent
		for _, n := range numbers {
			_, err := c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, event(int(n)))
			require.NoError(t, err)
			m := nextMessage(t, to)
			require.Equal(t, n, m.Event.OriginalEvent().EventNumber)
			out = append(out, m.Event)
		}
		return out
	}
	first := deliver(one, 0, 1)
	deliver(two, 2)
	require.NoError(t, one.Ack(first...))
	inFlight(t, c, "s", 1)
	deliver(two, 3)
	deliver(one, 4)
}

func linkTo(stream string) esdb.EventData {
	return esdb.EventData{EventID: uuid.New(), EventType: "$>", Data: []byte("0@" + stream)}
}

// TestPinnedLinksStayWithTheirConsumer follows a stream of links, as of a category. The links of one stream go to one
// consumer; when another joins, it gets its share and the rest stay; what one had goes to others when it leaves.
func TestPinnedLinksStayWithTheirConsumer(t *testing.T) {
	ctx := bounded(t)
	c := connect(t)
	group(t, c, "links", "g", func(s *esdb.PersistentSubscriptionSettings) { s.ConsumerStrategyName = esdb.ConsumerStrategyPinned })
	const streams = 40
	var links []esdb.EventData
	for n := range streams {
		links = append(links, linkTo(fmt.Sprint("s-", n)))
	}
	type seen struct {
		consumer int
		target   string
	}
	got := make(chan seen, streams)
	consume := func(n int) (leave func()) {
		sub, err := c.SubscribeToPersistentSubscription(context.Background(), "links", "g",
			esdb.SubscribeToPersistentSubscriptionOptions{BufferSize: streams})
		require.NoError(t, err)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				e := sub.Recv()
				if e.EventAppeared == nil {
					return
				}
				_ = sub.Ack(e.EventAppeared.Event)
				got <- seen{n, string(e.EventAppeared.Event.OriginalEvent().Data)}
			}
		}()
		return func() { _ = sub.Close(); <-ended }
	}
	owners := func() map[string]int {
		for i := range links {
			links[i].EventID = uuid.New()
		}
		_, err := c.AppendToStream(ctx, "links", esdb.AppendToStreamOptions{}, links...)
		require.NoError(t, err)
		out := map[string]int{}
		for range links {
			m := <-got
			out[m.target] = m.consumer
		}
		require.Len(t, out, streams)
		inFlight(t, c, "links", 0) // all acks have arrived
		return out
	}
	of := func(owners map[string]int, consumer int) (n int) {
		for _, o := range owners {
			if o == consumer {
				n++
			}
		}
		return n
	}
	leaveFirst := consume(1)
	require.Equal(t, streams, of(owners(), 1))
	leaveSecond := consume(2)
	defer leaveSecond()
	shared := owners()
	require.InDelta(t, streams/2, of(shared, 1), 2, "about half, as two streams may share a bucket")
	require.Equal(t, shared, owners())
	leaveThird := consume(3)
	for target, o := range owners() {
		if o != 3 {
			require.Equal(t, shared[target], o, "%s stays", target)
		}
	}
	leaveThird()
	leaveFirst()
	require.Eventually(t, func() bool {
		info, err := c.GetPersistentSubscriptionInfo(ctx, "links", "g", esdb.GetPersistentSubscriptionOptions{})
		return err == nil && len(info.Connections) == 1
	}, waitLimit, waitStep)
	require.Equal(t, streams, of(owners(), 2))
}

// TestLinkThatLeadsNowhereIsDelivered, is parked and replayed, without an event.
func TestLinkThatLeadsNowhereIsDelivered(t *testing.T) {
	ctx := bounded(t)
	c := connect(t)
	group(t, c, "links", "g", func(s *esdb.PersistentSubscriptionSettings) { s.ResolveLinkTos = true })
	_, err := c.AppendToStream(ctx, "links", esdb.AppendToStreamOptions{}, linkTo("none"))
	require.NoError(t, err)
	sub := join(t, c, "links", "g", 1)
	m := nextMessage(t, sub)
	require.Nil(t, m.Event.Event)
	require.Equal(t, "0@none", string(m.Event.Link.Data))
	require.NoError(t, sub.Nack("bad", esdb.NackActionPark, m.Event))
	var parked []*esdb.ResolvedEvent
	require.Eventually(t, func() bool {
		parked, err = drain(c.ReadStream(ctx, "$persistentsubscription-links::g-parked", esdb.ReadStreamOptions{}, 10))
		return err == nil
	}, waitLimit, waitStep)
	require.Equal(t, "0@none", string(parked[0].Event.Data))
	require.Contains(t, string(parked[0].Event.UserMetadata), `"subscriptionEventNumber":0`)
	require.NoError(t, c.ReplayParkedMessages(ctx, "links", "g", esdb.ReplayParkedMessagesOptions{}))
	m = nextMessage(t, sub)
	require.Nil(t, m.Event.Event)
	require.NoError(t, sub.Ack(m.Event))
}

func TestNackStopLetsTheMessageGo(t *testing.T) {
	ctx := bounded(t)
	c := connect(t)
	group(t, c, "s", "g", nil)
	_, err := c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, events(0, 2)...)
	require.NoError(t, err)
	sub := join(t, c, "s", "g", 1)
	require.NoError(t, sub.Nack("stop", esdb.NackActionStop, nextMessage(t, sub).Event))
	require.Equal(t, uint64(1), nextMessage(t, sub).Event.OriginalEvent().EventNumber)
}

// TestDeletedGroupLeavesNothing to a later one of the same name.
func TestDeletedGroupLeavesNothing(t *testing.T) {
	ctx := bounded(t)
	dir := t.TempDir()
	s, stop := start(t, dir)
	c := dial(t, s)
	_, err := c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, events(0, 3)...)
	require.NoError(t, err)
	group(t, c, "s", "g", nil)
	sub := join(t, c, "s", "g", 1)
	require.NoError(t, sub.Nack("bad", esdb.NackActionPark, nextMessage(t, sub).Event))
	require.NoError(t, sub.Ack(nextMessage(t, sub).Event))
	nextMessage(t, sub)
	require.NoError(t, c.DeletePersistentSubscription(ctx, "s", "g", esdb.DeletePersistentSubscriptionOptions{}))
	stop()
	s, _ = start(t, dir)
	c = dial(t, s)
	group(t, c, "s", "g", nil)
	info, err := c.GetPersistentSubscriptionInfo(ctx, "s", "g", esdb.GetPersistentSubscriptionOptions{})
	require.NoError(t, err)
	require.Zero(t, info.Stats.ParkedMessagesCount)
	require.Equal(t, uint64(0), nextMessage(t, join(t, c, "s", "g", 1)).Event.OriginalEvent().EventNumber)
}

// TestGroupSurvivesAChangeThatCannotBeWritten fills the disk while a group is updated and deleted.
func TestGroupSurvivesAChangeThatCannotBeWritten(t *testing.T) {
	ctx := bounded(t)
	p := spawn(t, t.TempDir())
	defer func() { p.kill(); _ = p.client.Close() }()
	group(t, p.client, "s", "g", nil)
	require.NoError(t, p.limit(100))
	set := esdb.SubscriptionSettingsDefault()
	err := p.client.UpdatePersistentSubscription(ctx, "s", "g", esdb.PersistentStreamSubscriptionOptions{Settings: &set})
	require.Equal(t, esdb.ErrorAborted, codeOf(err))
	err = p.client.DeletePersistentSubscription(ctx, "s", "g", esdb.DeletePersistentSubscriptionOptions{})
	require.Equal(t, esdb.ErrorAborted, codeOf(err))
	require.NoError(t, p.limit(math.MaxUint64))
	_, err = p.client.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, event(0))
	require.NoError(t, err)
	require.Equal(t, uint64(0), nextMessage(t, join(t, p.client, "s", "g", 1)).Event.OriginalEvent().EventNumber)
}
