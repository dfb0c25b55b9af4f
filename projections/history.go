package projections

import (
	"context"
	"errors"
	"slices"

	"zhiping/domain"
	"zhiping/projections/internal/spool"
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
	spool *spool.Spool
	// spooled is the position up to which everything of interest is in the spool or was folded before.
	spooled uint64
	last    *anchor // the newest event in the spool
	full    bool    // nothing more can be put down
	seen    int     // events in the spool at the last idle tick
}

func (p *pipeline) history() *history {
	return &history{pipeline: p, spool: spool.New(p.cfg.SpoolDir, readmodels.Partitions)}
}

// process takes the events of a batch. An event that this program cannot read stops the projections: what came before it
// is stored, and the error is a StoppedError.
func (h *history) process(ctx context.Context, b *batch) error {
	stored := b.events
	b.events = nil
	sort := !b.live && !h.full && len(h.partitioned) > 0
	x := &pending{views: h.views, position: b.position}
	decode := h.cfg.Feed.Decode
	if sort {
		x.views, x.again = h.ordered, true
		if !slices.ContainsFunc(h.ordered, func(v *viewBuilder) bool { return !v.fold.outlined() }) {
			decode = h.cfg.Feed.Outline
		}
	} else if err := h.foldSpooled(ctx); err != nil {
		return err
	}
	var unknown error
	if x.events, unknown = DecodeAll(stored, decode); unknown != nil {
		unknown = stoppedBefore(stored[len(x.events)], unknown)
		if stored, x.position = stored[:len(x.events)], 0; len(stored) > 0 {
			x.position = stored[len(stored)-1].Position
		}
	}
	if len(stored) > 0 {
		newest := stored[len(stored)-1]
		x.anchor = &anchor{newest.Position, newest.ID}
	}
	if sort {
		if x.anchor != nil {
			h.last = x.anchor
		}
		x.anchor = nil // with the views that are folded from the spool
	}
	if len(x.views) > 0 && len(x.events) > 0 {
		if err := h.foldAndQueue(ctx, x); err != nil {
			return err
		}
	}
	if sort {
		if err := h.spoolEvents(ctx, stored, x.position, unknown != nil); err != nil {
			return err
		}
	}
	if unknown != nil {
		h.inFlight.Wait()
	}
	return unknown
}

// spoolEvents puts history into the spool to be sorted, and folds it when there is enough of it or there will be no more.
func (h *history) spoolEvents(ctx context.Context, events []Stored, position uint64, last bool) error {
	for _, e := range events {
		if err := h.spool.Add(readmodels.PartitionOf(e.Stream), e.encode); err != nil && !h.full {
			h.full = true // the rest of the batch stays in memory
			h.cfg.Logger.Warn("history is folded without sorting it", "pipeline", h.name, "error", err)
		}
	}
	h.spooled = max(h.spooled, position)
	if last || h.full || h.spool.Size() >= h.cfg.MaxSpool {
		return h.foldSpooled(ctx)
	}
	return nil
}

// foldSpooled folds what was put down, and leaves the views complete up to there.
func (h *history) foldSpooled(ctx context.Context) error {
	if h.spool.Len() == 0 {
		return nil
	}
	for _, v := range h.partitioned {
		v.bulk = true
		defer func() { v.bulk = false }()
	}
	var events []domain.Recorded
	for part := range readmodels.Partitions {
		more, err := readSpooled(h.spool, part, h.cfg.Feed.Decode)
		if err != nil {
			return h.restart(ctx, err)
		}
		events = append(events, more...)
		if len(events) < h.cfg.MaxBatch || part == readmodels.Partitions-1 {
			continue
		}
		if err := h.foldAndQueue(ctx, &pending{views: h.partitioned, events: events}); err != nil {
			return err
		}
		events = nil
	}
	if err := h.foldAndQueue(ctx, &pending{views: h.partitioned, events: events, position: h.spooled, anchor: h.last}); err != nil {
		return err
	}
	h.spool.Reset()
	h.spooled = 0
	h.seen = 0
	return nil
}

// restart begins anew behind the checkpoints, since the events are in the event store still.
func (h *history) restart(ctx context.Context, err error) error {
	if !errors.Is(err, spool.ErrUnreadable) {
		return err
	}
	h.cfg.Logger.Error("what was sorted of history cannot be read; beginning again", "pipeline", h.name, "error", err)
	h.inFlight.Wait()
	return errors.Join(errReplan, pause(ctx, h.cfg.CheckpointEvery))
}

// idle folds what was put down when no more comes for now.
func (h *history) idle(ctx context.Context) error {
	if h.spool.Len() > h.seen {
		h.seen = h.spool.Len()
		return nil
	}
	return h.foldSpooled(ctx)
}
