//go:build unix

package esdbserver_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/stretchr/testify/require"
)

// groupMember consumes a group through kills of its server: it acknowledges, asks again or parks at random.
type groupMember struct {
	rng     *rand.Rand
	seen    map[uint64]int
	settled map[uint64]bool // acknowledged or parked by the client, whether the server heard of it or not
}

// consume takes messages until done answers true or the server is gone.
func (m *groupMember) consume(c *esdb.Client, done func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	sub, err := c.SubscribeToPersistentSubscription(ctx, "s", "g", esdb.SubscribeToPersistentSubscriptionOptions{BufferSize: 5})
	if err != nil {
		return err
	}
	defer func() { _ = sub.Close() }()
	for !done() {
		e := sub.Recv()
		if e.SubscriptionDropped != nil {
			return e.SubscriptionDropped.Error
		}
		if e.EventAppeared == nil {
			continue
		}
		event := e.EventAppeared.Event
		n := event.Event.EventNumber
		m.seen[n]++
		switch m.rng.IntN(8) {
		case 0:
			err = sub.Nack("again", esdb.NackActionRetry, event)
		case 1:
			err = sub.Nack("bad", esdb.NackActionPark, event)
			m.settled[n] = true
		default:
			err = sub.Ack(event)
			m.settled[n] = true
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// TestGroupMissesNothingThroughKills kills the server while a group is consumed. Every event reaches the consumer, and
// what was parked or not settled comes again; a checkpoint must never be ahead of what is settled.
func TestGroupMissesNothingThroughKills(t *testing.T) {
	const perRound = 60
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	m := &groupMember{rng: rand.New(rand.NewPCG(seed, 0)), seen: map[uint64]int{}, settled: map[uint64]bool{}}
	dir, total := t.TempDir(), 0
	for round := range rounds(4, 40) {
		p := spawn(t, dir)
		if round == 0 {
			group(t, p.client, "s", "g", func(s *esdb.PersistentSubscriptionSettings) {
				s.MaxRetryCount, s.CheckpointLowerBound, s.CheckpointUpperBound, s.CheckpointAfter = 100, 1, 5, 10
			})
		}
		_, err := p.client.AppendToStream(bounded(t), "s", esdb.AppendToStreamOptions{}, events(total, total+perRound)...)
		require.NoError(t, err)
		total += perRound
		end := len(m.settled) + 1 + m.rng.IntN(perRound)
		_ = m.consume(p.client, func() bool { return len(m.settled) >= end })
		p.kill()
		require.NoError(t, p.client.Close())
	}
	p := spawn(t, dir)
	defer func() { p.kill(); _ = p.client.Close() }()
	require.NoError(t, m.consume(p.client, func() bool { return len(m.settled) == total }))
	for n := range uint64(total) {
		require.Positive(t, m.seen[n], "event %d was never delivered", n)
	}
	require.NoError(t, drainParked(p.client))
}

// drainParked replays what is parked, acknowledges all of it and waits until nothing is parked or in flight.
func drainParked(c *esdb.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := c.ReplayParkedMessages(ctx, "s", "g", esdb.ReplayParkedMessagesOptions{}); err != nil {
		return err
	}
	sub, err := c.SubscribeToPersistentSubscription(ctx, "s", "g", esdb.SubscribeToPersistentSubscriptionOptions{BufferSize: 50})
	if err != nil {
		return err
	}
	defer func() { _ = sub.Close() }()
	failed := make(chan error, 1)
	go func() { // ends with the subscription
		for {
			e := sub.Recv()
			if e.SubscriptionDropped != nil {
				failed <- e.SubscriptionDropped.Error
				return
			}
			if e.EventAppeared != nil {
				_ = sub.Ack(e.EventAppeared.Event)
			}
		}
	}()
	for {
		info, err := c.GetPersistentSubscriptionInfo(ctx, "s", "g", esdb.GetPersistentSubscriptionOptions{})
		if err != nil {
			return err
		}
		if info.Stats.ParkedMessagesCount == 0 && info.Stats.TotalInFlightMessages == 0 {
			return nil
		}
		select {
		case err := <-failed:
			return fmt.Errorf("%d messages are still parked: %w", info.Stats.ParkedMessagesCount, err)
		case <-time.After(waitStep):
		}
	}
}
