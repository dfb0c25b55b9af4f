package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"zhiping/domain"
	"zhiping/readmodels"
)

// history folds what came before now. Views whose documents each belong to one part of the streams get it part by part:
// first it is put down, sorted; then each part is folded by itself, and each document read and written once for all
// that happened to it. Other views get it as it comes.
//
// Their documents may be stored before their checkpoint is: a crash in between folds the same events again, which those
// documents include already, as after a crash between two commits of a store without transactions.
type history struct {
	*pipeline
	spool spool
	full  bool // nothing more can be put down
	seen  int  // events in the spool at the last idle tick
}

func (p *pipeline) history() *history {
	return &history{pipeline: p, spool: spool{dir: p.cfg.SpoolDir}}
}

// pass takes what has been gathered. There is no way past an event that this program does not know: what came before it
// is stored, and the views wait there for a newer program.
func (h *history) pass(ctx context.Context, b *batch) error {
	stored := b.events
	b.events = nil
	sort := !b.live && !h.full && len(h.byparts) > 0
	x := &pending{views: h.views, position: b.position}
	decode := h.cfg.Feed.Decode
	if sort {
		x.views, x.again = h.ordered, true
		if !slices.ContainsFunc(h.ordered, func(v *view) bool { return !v.fold.outlined() }) {
			decode = h.cfg.Feed.Outline
		}
	} else if err := h.sweep(ctx); err != nil {
		return err
	}
	var unknown error
	if x.events, unknown = DecodeAll(stored, decode); unknown != nil {
		unknown = fmt.Errorf("projections: cannot go on at position %d: %w", stored[len(x.events)].Position, unknown)
		if stored, x.position = stored[:len(x.events)], 0; len(stored) > 0 {
			x.position = stored[len(stored)-1].Position
		}
	}
	if len(x.views) > 0 && len(x.events) > 0 {
		if err := h.hand(ctx, x); err != nil {
			return err
		}
	}
	if sort {
		if err := h.put(ctx, stored, x.position, unknown != nil); err != nil {
			return err
		}
	}
	if unknown != nil {
		h.flying.Wait()
	}
	return unknown
}

// put lays history down to be sorted, and folds it when there is enough of it or there will be no more.
func (h *history) put(ctx context.Context, events []Stored, position uint64, last bool) error {
	for _, e := range events {
		if err := h.spool.add(e); err != nil && !h.full {
			h.full = true // the rest of the batch stays in memory
			h.cfg.Logger.Warn("history is folded without sorting it", "pipeline", h.name, "error", err)
		}
	}
	h.spool.position = max(h.spool.position, position)
	if last || h.full || h.spool.size >= h.cfg.SpoolMost {
		return h.sweep(ctx)
	}
	return nil
}

// sweep folds what was put down, and leaves the views complete up to there.
func (h *history) sweep(ctx context.Context) error {
	if h.spool.events == 0 {
		return nil
	}
	for _, v := range h.byparts {
		v.passing = true
		defer func() { v.passing = false }()
	}
	var events []domain.Recorded
	for part := range readmodels.Parts {
		more, err := h.spool.read(part, h.cfg.Feed.Decode)
		if err != nil {
			return h.lost(ctx, err)
		}
		events = append(events, more...)
		if len(events) < h.cfg.MaxBatch || part == readmodels.Parts-1 {
			continue
		}
		if err := h.hand(ctx, &pending{views: h.byparts, events: events}); err != nil {
			return err
		}
		events = nil
	}
	if err := h.hand(ctx, &pending{views: h.byparts, events: events, position: h.spool.position}); err != nil {
		return err
	}
	h.spool.reset()
	h.seen = 0
	return nil
}

// lost begins anew behind the checkpoints, since the events are in the event store still.
func (h *history) lost(ctx context.Context, err error) error {
	if !errors.Is(err, errSpool) {
		return err
	}
	h.cfg.Logger.Error("what was sorted of history cannot be read; beginning again", "pipeline", h.name, "error", err)
	h.flying.Wait()
	return errors.Join(errReplan, pause(ctx, h.cfg.CheckpointEvery))
}

// idle folds what was put down when no more comes for now.
func (h *history) idle(ctx context.Context) error {
	if h.spool.events > h.seen {
		h.seen = h.spool.events
		return nil
	}
	return h.sweep(ctx)
}
