package esdbserver

import (
	"bytes"
	"cmp"
	"encoding/json"
	"hash/fnv"
	"slices"

	"zhiping/infra/esdbserver/internal/store"
)

// buckets is how many parts the streams, or correlation ids, of a pinned group fall into. A bucket stays with its
// consumer until that one leaves; when one joins, it gets only what others have beyond their share
// (PinnedConsumerState.cs).
const buckets = 1024

func (g *group) pinned() bool {
	return g.cfg.Strategy == strategyPinned || g.cfg.Strategy == strategyCorrelation
}

// owner is the consumer of a message's bucket. A bucket that nobody has goes to whoever has fewest.
func (g *group) owner(m *message) *consumer {
	b := g.bucket(m)
	if g.owners[b] == nil {
		g.owners[b] = slices.MinFunc(g.consumers, func(x, y *consumer) int { return cmp.Compare(x.buckets, y.buckets) })
		g.owners[b].buckets++
	}
	return g.owners[b]
}

// pin gives a consumer that has joined its share of the buckets, those first of which nothing is in flight.
func (g *group) pin(c *consumer) {
	taken := 0
	busy := map[uint32]int{}
	for _, x := range g.consumers {
		taken += x.buckets
		for m := range x.inFlight {
			busy[g.bucket(m)]++
		}
	}
	share := (taken + len(g.consumers) - 1) / len(g.consumers)
	var candidates []uint32
	for b, x := range g.owners {
		if x != nil && x.buckets > share {
			candidates = append(candidates, uint32(b))
		}
	}
	slices.SortStableFunc(candidates, func(x, y uint32) int { return cmp.Compare(busy[x], busy[y]) })
	for _, b := range candidates {
		if from := g.owners[b]; from.buckets > share {
			from.buckets--
			c.buckets++
			g.owners[b] = c
		}
	}
}

// unpin takes a consumer's buckets back.
func (g *group) unpin(c *consumer) {
	for b, x := range g.owners {
		if x == c {
			g.owners[b] = nil
		}
	}
}

// bucket hashes what keeps messages with one consumer: the stream that the event is from, or its correlation id if
// that is the strategy and it has one. A link that is not resolved counts to the stream that it leads to.
func (g *group) bucket(m *message) uint32 {
	e := m.event
	if e == nil {
		e = m.link
	}
	key := []byte(e.Stream)
	if e.Type == store.LinkType {
		if _, target, ok := bytes.Cut(e.Data, []byte("@")); ok {
			key = target
		}
	}
	if g.cfg.Strategy == strategyCorrelation {
		var meta struct {
			ID string `json:"$correlationId"`
		}
		if json.Unmarshal(e.Meta, &meta) == nil && meta.ID != "" {
			key = []byte(meta.ID)
		}
	}
	h := fnv.New32a()
	_, _ = h.Write(key)
	return h.Sum32() % buckets
}
