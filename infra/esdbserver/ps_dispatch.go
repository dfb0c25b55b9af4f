package esdbserver

import (
	"fmt"
	"slices"
	"sort"
	"time"
)

// dispatch hands out messages, those to be retried first, while somebody has a free slot.
func (g *group) dispatch() {
	if len(g.consumers) == 0 {
		return
	}
	g.retry = g.handOut(g.retry)
	if len(g.retry) == 0 || g.pinned() {
		g.buffer = g.handOut(g.buffer)
	}
}

// handOut delivers from a queue and returns what stays. A pinned message whose consumer is full waits, and with it
// all others of that consumer, while the rest goes on.
func (g *group) handOut(queue []*message) []*message {
	var kept []*message
	for i, m := range queue {
		if m.done {
			continue
		}
		c := g.choose(m)
		if c != nil && g.deliver(c, m) {
			continue
		}
		if !g.pinned() {
			return queue[i:]
		}
		kept = append(kept, m)
	}
	return kept
}

// choose picks a consumer with a free slot by the group's strategy, nil when there is none for this message. Round robin
// goes on to the next with each message, dispatch to single only when the one at hand is full.
func (g *group) choose(m *message) *consumer {
	if g.pinned() {
		if c := g.owner(m); c.free() {
			return c
		}
		return nil
	}
	n := len(g.consumers)
	for i := range n {
		at := (g.turn + i) % n
		if c := g.consumers[at]; c.free() {
			if g.turn = at; g.cfg.Strategy == strategyRoundRobin {
				g.turn++
			}
			return c
		}
	}
	return nil
}

func (c *consumer) free() bool { return len(c.inFlight) < c.slots && len(c.out) < cap(c.out) }

func (g *group) deliver(c *consumer, m *message) bool {
	select {
	case c.out <- delivery{event: m.event, link: m.link, retries: m.retries}:
	default:
		return false
	}
	m.consumer = c
	m.sent++
	c.inFlight[m] = struct{}{}
	c.total++
	g.inFlight[m.id] = append(g.inFlight[m.id], m)
	if t := g.cfg.timeout(); t > 0 {
		g.deadlines = append(g.deadlines, deadline{at: time.Now().Add(t), m: m, sent: m.sent})
	}
	return true
}

// takeBack ends a message's delivery to its consumer.
func (g *group) takeBack(m *message) {
	delete(m.consumer.inFlight, m)
	m.consumer = nil
	left := slices.DeleteFunc(g.inFlight[m.id], func(x *message) bool { return x == m })
	if len(left) == 0 {
		delete(g.inFlight, m.id)
	} else {
		g.inFlight[m.id] = left
	}
}

// held finds a message that a consumer has, by the id it was delivered with.
func (g *group) held(c *consumer, id [16]byte) *message {
	for _, m := range g.inFlight[id] {
		if m.consumer == c {
			return m
		}
	}
	return nil
}

func (g *group) ack(c *consumer, ids [][16]byte) {
	for _, id := range ids {
		if m := g.held(c, id); m != nil {
			g.takeBack(m)
			g.finish(m)
		}
	}
}

// finish marks a message as done and lets go of its payload: it may stay in order behind another for a while.
func (g *group) finish(m *message) {
	m.done = true
	m.event, m.link = nil, nil
	g.sinceStored++
}

// again queues a message once more, or parks it when it has had all its retries.
func (g *group) again(m *message) {
	if m.retries >= int(g.cfg.MaxRetries) {
		g.park(m, fmt.Sprintf("Reached retry count of %d", g.cfg.MaxRetries))
		return
	}
	m.retries++
	g.requeue(m)
}

// requeue keeps the retries in the order of the source.
func (g *group) requeue(m *message) {
	at := sort.Search(len(g.retry), func(i int) bool { return g.retry[i].at > m.at })
	g.retry = slices.Insert(g.retry, at, m)
}

// expire takes back what was not acknowledged in time. Deadlines are in order, since all timeouts are the same.
func (g *group) expire(now time.Time) {
	for len(g.deadlines) > 0 {
		d := g.deadlines[0]
		stale := d.m.consumer == nil || d.m.sent != d.sent
		if !stale && d.at.After(now) {
			return
		}
		g.deadlines = g.deadlines[1:]
		if !stale {
			g.takeBack(d.m)
			g.again(d.m)
		}
	}
}

// leave forgets a consumer. What it had is delivered to others.
func (g *group) leave(c *consumer) {
	g.consumers = slices.DeleteFunc(g.consumers, func(x *consumer) bool { return x == c })
	g.unpin(c)
	lost := make([]*message, 0, len(c.inFlight))
	for m := range c.inFlight {
		lost = append(lost, m)
	}
	for _, m := range lost {
		g.takeBack(m)
		m.retries++
		g.requeue(m)
	}
}
