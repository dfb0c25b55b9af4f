package projections

import (
	"context"
	"time"
)

// batch is what is committed at once.
type batch struct {
	events   []Stored
	position uint64 // everything up to here is in events or of no interest
	live     bool
}

func (b *batch) add(d Delivery) {
	b.events = append(b.events, d.Events...)
	b.position = max(b.position, d.Position)
	if n := len(d.Events); n > 0 {
		b.position = max(b.position, d.Events[n-1].Position)
	}
	b.live = d.Live
}

// runBatches collects batches and folds them. While history is caught up on, a batch waits a little to become large, and
// one is folded while the one before it is stored. Live, the store comes first: whatever arrives meanwhile goes with
// the next batch.
func (p *pipeline) runBatches(ctx context.Context) error {
	idle := time.NewTicker(p.cfg.CheckpointEvery)
	defer idle.Stop()
	h := p.history()
	defer h.spool.Close()
	var b batch
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case d := <-p.in:
			b.add(d)
			if b.live {
				p.inFlight.Wait()
			}
			p.fillBatch(ctx, &b)
		case do := <-p.tasks:
			p.inFlight.Wait()
			if err := do(ctx); err != nil && (final(err) || ctx.Err() != nil) {
				return err
			}
			continue
		case <-idle.C:
			p.cfg.Observer.Backlog(p.name, int(p.backlog.Load()), p.live.Load())
			if err := h.idle(ctx); err != nil {
				return err
			}
			if h.spool.Len() > 0 || b.position <= p.least() {
				continue
			}
			if err := p.foldAndQueue(ctx, &pending{views: p.views, position: b.position}); err != nil {
				return err
			}
			continue
		}
		if err := h.process(ctx, &b); err != nil {
			return err
		}
		p.live.Store(b.live)
	}
}

func (p *pipeline) fillBatch(ctx context.Context, b *batch) {
	var linger <-chan time.Time
	for len(b.events) < p.cfg.MaxBatch {
		select {
		case d := <-p.in:
			b.add(d)
			continue
		default:
		}
		if b.live || len(b.events) == 0 {
			return
		}
		if linger == nil {
			linger = time.After(p.cfg.Linger)
		}
		select {
		case d := <-p.in:
			b.add(d)
		case <-linger:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (p *pipeline) least() uint64 {
	least := p.views[0].folded
	for _, v := range p.views {
		least = min(least, v.folded)
	}
	return least
}
