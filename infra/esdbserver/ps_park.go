package esdbserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"zhiping/infra/esdbserver/internal/store"
)

const checkpointType = "$SubscriptionCheckpoint"

// park puts a message aside, as a link in the group's stream of parked messages. When that cannot be written, the
// message is tried again rather than lost.
func (g *group) park(m *message, reason string) {
	original := m.link
	if original == nil {
		original = m.event
	}
	meta, err := json.Marshal(map[string]any{
		"added": time.Now().UTC().Format(time.RFC3339Nano), "reason": reason, "subscriptionEventNumber": original.Revision,
	})
	target := original.Data // of a link that leads nowhere
	if m.event != nil {
		target = fmt.Appendf(nil, "%d@%s", m.event.Revision, m.event.Stream)
	}
	if err == nil {
		_, err = g.store.Append(g.ctx, g.cfg.internalStream(suffixParked), store.Any, []store.Proposed{{
			ID: uuid.New(), Type: store.LinkType, Meta: meta, Data: target,
		}})
	}
	if err != nil {
		g.logFailure("park", err)
		g.requeue(m)
		return
	}
	g.finish(m)
}

// parkedRange is the first revision and the one after the last of the messages that are parked.
func (g *group) parkedRange(ctx context.Context) (first, end int64, err error) {
	info, err := g.store.Stream(ctx, g.cfg.internalStream(suffixParked))
	if err != nil || info.Last < 0 || info.Tombstoned() {
		return 0, 0, err
	}
	return min(info.First(), info.Last+1), info.Last + 1, nil
}

// replay queues the messages that are parked up to a revision, exclusive, with their retries begun anew. They stay
// parked until they are done, so that a crash does not lose them.
func (g *group) replay(ctx context.Context, stop int64) error {
	first, end, err := g.parkedRange(ctx)
	if err != nil {
		return err
	}
	end = min(end, stop)
	first = max(first, g.parkedUpTo+1)
	if n := len(g.replayed); n > 0 {
		first = max(first, g.replayed[n-1].parked+1) // those are on their way already
	}
	for first < end {
		p, err := g.store.ReadStream(ctx, g.cfg.internalStream(suffixParked), first, false, page)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, link := range p.Events {
			if link.Revision >= end {
				return nil
			}
			m := &message{id: link.ID, at: math.MinInt64 + link.Revision, parked: link.Revision}
			if m.event, m.link, err = g.resolve(ctx, link); err != nil {
				return err
			}
			g.replayed = append(g.replayed, m)
			g.requeue(m)
		}
		if first = p.Next; p.Done {
			return nil
		}
	}
	return nil
}

// advance moves past what is done, and stores that when enough of it has come together.
func (g *group) advance() {
	n := 0
	for n < len(g.order) && g.order[n].done {
		g.doneUpTo = g.order[n].at
		n++
	}
	if g.order = g.order[n:]; len(g.order) == 0 {
		g.doneUpTo = max(g.doneUpTo, g.scanned) // everything read is done, and so is what the filter left out
		g.order = nil
	}
	if g.cfg.MaxCheckpoint > 0 && g.sinceStored >= int(g.cfg.MaxCheckpoint) {
		g.storeCheckpoint(time.Now(), true)
	}
	g.unpark()
}

// unpark truncates the stream of parked messages behind the replayed ones that are done.
func (g *group) unpark() {
	upTo, n := int64(-1), 0
	for n < len(g.replayed) && g.replayed[n].done {
		upTo = g.replayed[n].parked
		n++
	}
	if upTo < 0 {
		return
	}
	_, err := g.store.Append(g.ctx, "$$"+g.cfg.internalStream(suffixParked), store.Any, []store.Proposed{{
		ID: uuid.New(), Type: store.MetadataType, JSON: true, Data: fmt.Appendf(nil, `{"$tb":%d}`, upTo+1),
	}})
	if err != nil {
		g.logFailure("unpark", err)
		return
	}
	g.replayed = g.replayed[n:]
	g.parkedUpTo = upTo
}

// storeCheckpoint writes how far the group is, if that has changed: when its time has come and enough is done, or
// in any case with force.
func (g *group) storeCheckpoint(now time.Time, force bool) {
	if !force {
		if now.Before(g.storeAt) {
			return
		}
		g.storeAt = now.Add(g.cfg.checkpointAfter())
		// A stretch that the filter left out is worth storing too, however few messages were in it.
		if g.sinceStored < int(g.cfg.MinCheckpoint) && len(g.order) > 0 {
			return
		}
	}
	if g.doneUpTo <= g.checkpoint {
		return
	}
	body, err := json.Marshal(g.cfg.place(g.doneUpTo))
	if err != nil {
		g.logFailure("checkpoint", err)
		return
	}
	name := g.cfg.internalStream(suffixCheck)
	// The group may be ending because the server closes, so this write has a time limit of its own.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(g.ctx), 2*time.Second)
	defer cancel()
	res, err := g.store.Append(ctx, name, store.Any, []store.Proposed{{
		ID: uuid.New(), Type: checkpointType, JSON: true, Data: body,
	}})
	if err == nil && res.Revision == 0 {
		// Only the newest checkpoint matters; one more is kept for people who look.
		_, err = g.store.Append(ctx, "$$"+name, store.Any, []store.Proposed{{
			ID: uuid.New(), Type: store.MetadataType, JSON: true, Data: []byte(`{"$maxCount":2}`),
		}})
	}
	if err != nil {
		g.logFailure("checkpoint", err)
		return
	}
	g.checkpoint, g.sinceStored = g.doneUpTo, 0
}

// loadCheckpoint answers the newest checkpoint, -1 when there is none.
func (g *group) loadCheckpoint(ctx context.Context) (int64, error) {
	p, err := g.store.ReadStream(ctx, g.cfg.internalStream(suffixCheck), math.MaxInt64, true, store.Page{Limit: 1})
	if errors.Is(err, store.ErrNotFound) || err == nil && len(p.Events) == 0 {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	var text string
	if err := json.Unmarshal(p.Events[0].Data, &text); err != nil {
		return 0, fmt.Errorf("checkpoint of %s: %w", g.cfg.String(), err)
	}
	return parsePlace(text)
}
