package projections

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"zhiping/domain"
	"zhiping/readmodels"
)

// pending is a folded batch on its way to the store.
type pending struct {
	views    []*viewBuilder
	events   []domain.Recorded
	again    bool // the events come once more, for other views: they are not counted yet
	results  []result
	batches  []readmodels.Batch
	position uint64
	anchor   *anchor // the newest event up to position; nil where it is not known
	began    time.Time
	fold     time.Duration
}

// foldAndQueue folds a batch into some views and hands it over to be stored. They are complete up to its position then.
func (p *pipeline) foldAndQueue(ctx context.Context, x *pending) error {
	x.began = time.Now()
	err := p.retryReporting(ctx, "read documents", func() (err error) {
		x.results, err = p.fold(ctx, x.views, x.events)
		return err
	})
	if err != nil {
		return err
	}
	x.batches = p.batches(x)
	for i, v := range x.views {
		v.apply(x.results[i], x.position)
	}
	x.fold = time.Since(x.began)
	p.inFlight.Add(1)
	select {
	case p.out <- x:
		return nil
	case <-ctx.Done():
		p.inFlight.Done()
		return context.Cause(ctx)
	}
}

// storeQueued stores what has been folded, in order, for as long as it takes: skipping is no way out.
func (p *pipeline) storeQueued(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case x := <-p.out:
			err := p.store(ctx, x)
			p.inFlight.Done()
			if err != nil {
				return err
			}
		}
	}
}

func (p *pipeline) store(ctx context.Context, x *pending) error {
	p.gate.Lock()
	defer p.gate.Unlock()
	began := time.Now()
	if len(x.batches) > 0 {
		if err := p.retryReporting(ctx, "commit", func() error { return p.cfg.Store.Commit(ctx, x.batches...) }); err != nil {
			return err
		}
	}
	p.report(x, time.Since(began))
	if !x.again {
		p.trace(x.events, x.began)
		p.backlog.Add(-int64(len(x.events)))
	}
	return nil
}

// retryReporting is retry that tells readiness.
func (p *pipeline) retryReporting(ctx context.Context, what string, do func() error) error {
	defer p.failing.Store(false)
	return retry(ctx, p.cfg, what, func() error {
		err := do()
		p.failing.Store(err != nil)
		return err
	})
}

// parallelFrom is the batch size from which folding the views side by side is worth the goroutines.
const parallelFrom = 64

func (p *pipeline) fold(ctx context.Context, views []*viewBuilder, events []domain.Recorded) ([]result, error) {
	results := make([]result, len(views))
	if len(events) < parallelFrom {
		for i, v := range views {
			var err error
			if results[i], err = v.foldBatch(ctx, p.cfg.Store, events); err != nil {
				return nil, err
			}
		}
		return results, nil
	}
	g, ctx := errgroup.WithContext(ctx)
	for i, v := range views {
		g.Go(func() (err error) {
			results[i], err = v.foldBatch(ctx, p.cfg.Store, events)
			return err
		})
	}
	return results, g.Wait()
}

// batches lays out one commit for all views, and for the list of parked documents when there are new ones.
func (p *pipeline) batches(x *pending) []readmodels.Batch {
	var out []readmodels.Batch
	parked := readmodels.Batch{Name: ParkedView().Name, Version: ParkedView().Version, Checkpoint: x.position, Token: p.token}
	for i, v := range x.views {
		s := x.results[i].space
		if v.folded >= x.position && s == nil {
			continue
		}
		b := readmodels.Batch{Name: v.spec.Name, Version: v.spec.Version, Checkpoint: max(v.folded, x.position), Token: p.token}
		if s != nil {
			b.Puts, b.Deletes = s.changes()
		}
		out = append(out, b)
		for _, d := range x.results[i].parked {
			parked.Puts = append(parked.Puts, ParkedView().Put(ParkedID(v.spec, d.ID), d.Position, d))
		}
	}
	if p.name == livePipeline && x.anchor != nil && len(out) > 0 {
		out = append(out, readmodels.Batch{
			Name: anchorView().Name, Version: anchorView().Version, Checkpoint: x.position, Token: p.token,
			Puts: []readmodels.Put{anchorView().Put(anchorID, x.anchor.Position, x.anchor)},
		})
	}
	if len(parked.Puts) > 0 {
		out = append(out, parked)
	}
	return out
}

// report moves the views on and tells everyone who wants to know.
func (p *pipeline) report(x *pending, took time.Duration) {
	c := Commit{Pipeline: p.name, Fold: x.fold, Store: took}
	if !x.again {
		c.Events = len(x.events)
	}
	if len(x.events) > 0 {
		c.Oldest = x.events[0].At
	}
	for i, v := range x.views {
		res := x.results[i]
		v.markStored(res, x.position)
		checkpoint, parked := v.where()
		cv := CommitView{Name: v.spec.Name, Version: v.spec.Version, Events: res.events, Checkpoint: checkpoint}
		if s := res.space; s != nil {
			for _, en := range s.entries {
				if en.dirty {
					cv.Documents++
				}
			}
		}
		c.Views = append(c.Views, cv)
		if n := len(res.parked); n > 0 {
			p.cfg.Observer.Parked(v.spec.Name, v.spec.Version, parked)
			p.cfg.Logger.Error("documents parked", "view", v.spec.Name, "version", v.spec.Version, "count", n, "error", res.failed)
		}
		p.cfg.Notify(v.spec.Name, v.spec.Version, checkpoint) // last: who waited for this reads what is parked, too
	}
	p.cfg.Observer.Committed(c)
}
