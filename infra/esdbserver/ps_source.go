package esdbserver

import (
	"errors"

	"zhiping/infra/esdbserver/internal/store"
)

func (g *group) room() bool {
	return len(g.buffer) < int(g.cfg.HistoryBuffer) && len(g.order) < maxOrder
}

// fill reads one batch from the source if there is room for it. It answers whether there may be more.
func (g *group) fill() bool {
	if g.live || !g.room() {
		return !g.live
	}
	p := store.Page{Limit: int(g.cfg.ReadBatch), MaxBytes: page.MaxBytes}
	var events []*store.Event
	var err error
	if g.cfg.Stream == allStream {
		events, err = g.store.ReadAll(g.ctx, g.next, false, p)
		g.live = len(events) == 0
	} else {
		var sp store.StreamPage
		sp, err = g.store.ReadStream(g.ctx, g.cfg.Stream, g.next, false, p)
		events, g.live = sp.Events, sp.Done
		var deleted *store.StreamDeletedError
		if errors.Is(err, store.ErrNotFound) || errors.As(err, &deleted) {
			g.live, err = true, nil
		}
	}
	if err != nil {
		g.live, g.failed = true, true
		g.logFailure("read", err)
		return false
	}
	for _, e := range events {
		if err := g.take(e); err != nil {
			g.live, g.failed = true, true
			g.logFailure("resolve", err)
			return false
		}
	}
	return !g.live
}

// take makes a message of an event of the source, unless the group does not want it.
func (g *group) take(e *store.Event) error {
	at := e.Revision
	if g.cfg.Stream == allStream {
		at = e.Position
	}
	hidden := g.cfg.Stream == allStream && hiddenFromAll(e)
	if !hidden {
		g.scanned = at
	}
	if !hidden && g.filter.match(e) {
		m := &message{event: e, id: e.ID, at: at, parked: -1}
		if g.cfg.ResolveLinks {
			var err error
			if m.event, m.link, err = g.resolve(g.ctx, e); err != nil {
				return err
			}
		}
		g.buffer = append(g.buffer, m)
		g.order = append(g.order, m)
		g.total++
	}
	g.next = at + 1
	return nil
}

func (g *group) logFailure(what string, err error) {
	if g.ctx.Err() == nil {
		g.Server.cfg.Logger.Error("persistent subscription", "group", g.cfg.String(), "step", what, "error", err)
	}
}
