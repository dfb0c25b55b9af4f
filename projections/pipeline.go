package projections

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"zhiping/readmodels"
)

// maxQueued is how many deliveries wait between the router and the folding, so that reading goes on while a batch
// is committed, and memory stays bounded.
const maxQueued = 4

// livePipeline is the name of the pipeline that fills the live views.
const livePipeline = "live"

// pipeline feeds some views from one subscription. The router's handler only hands deliveries over, and they are
// acknowledged then: where a restart resumes is decided by the checkpoints, never by an ack.
type pipeline struct {
	cfg   Config
	name  string
	jobs  []job
	token uint64
	in    chan Delivery
	tasks chan func(context.Context) error // done between two batches
	out   chan *pending                    // folded, to be stored
	// inFlight counts batches on their way to the store.
	inFlight sync.WaitGroup

	backlog atomic.Int64
	live    atomic.Bool
	failing atomic.Bool

	mu    sync.Mutex // guards views until they are open; then the slices do not change
	views []*viewBuilder
	// partitioned and ordered are the views as history is folded into them; once it is behind us all are folded alike.
	partitioned, ordered []*viewBuilder

	// gate is held during each commit; whoever holds it keeps the views where they are.
	gate sync.Mutex
}

// job is a fold and the version of its view that it fills here.
type job struct {
	fold Fold
	spec readmodels.Spec
}

func newPipeline(cfg Config, name string, jobs []job, token uint64) *pipeline {
	return &pipeline{
		cfg: cfg, name: name, jobs: jobs, token: token,
		in: make(chan Delivery, maxQueued), out: make(chan *pending), tasks: make(chan func(context.Context) error),
	}
}

func (p *pipeline) caughtUp() bool {
	return p.live.Load() && !p.failing.Load() && p.backlog.Load() == 0
}

func (p *pipeline) status(live bool) []ViewStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]ViewStatus, len(p.views))
	for i, v := range p.views {
		checkpoint, parked := v.where()
		out[i] = ViewStatus{v.spec.Name, v.spec.Version, live, checkpoint, parked}
	}
	return out
}

// checkpoint is how far the pipeline's version of a view is, and whether it fills that view.
func (p *pipeline) checkpoint(name string) (uint64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, v := range p.views {
		if v.spec.Name == name {
			checkpoint, _ := v.where()
			return checkpoint, true
		}
	}
	return 0, false
}

// lowest is the position that all views of the pipeline include; ok is false before they are open.
func (p *pipeline) lowest() (at uint64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, v := range p.views {
		checkpoint, _ := v.where()
		if i == 0 || checkpoint < at {
			at = checkpoint
		}
	}
	return at, len(p.views) > 0
}

// task runs do between two batches, or answers why it could not.
func (p *pipeline) task(ctx context.Context, do func(context.Context) error) error {
	done := make(chan error, 1)
	select {
	case p.tasks <- func(ctx context.Context) error { err := do(ctx); done <- err; return err }:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run opens the views and works until ctx ends or something cannot be repaired by waiting. When it returns, all
// its goroutines have ended.
func (p *pipeline) run(ctx context.Context) error {
	if len(p.jobs) == 0 {
		p.live.Store(true)
		<-ctx.Done()
		return context.Cause(ctx)
	}
	var views []*viewBuilder
	err := retry(ctx, p.cfg, "load checkpoints", func() (err error) {
		views, err = p.open(ctx)
		return err
	})
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.views = views
	p.mu.Unlock()
	for _, v := range views {
		if v.fold.byPartition() {
			p.partitioned = append(p.partitioned, v)
		} else {
			p.ordered = append(p.ordered, v)
		}
	}
	after := views[0].checkpoint
	for _, v := range views {
		after = min(after, v.checkpoint)
		p.cfg.Notify(v.spec.Name, v.spec.Version, v.checkpoint)
		p.cfg.Observer.Parked(v.spec.Name, v.spec.Version, len(v.parked))
	}
	p.cfg.Logger.Info("projections start", "pipeline", p.name, "views", len(views), "after", after)
	defer p.live.Store(false)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.receive(ctx, after) })
	g.Go(func() error { return p.runBatches(ctx) })
	g.Go(func() error { return p.storeQueued(ctx) })
	return g.Wait()
}

// open reads where the views are. Before that it commits nothing at all, under its token, which fences off a former
// leader that has not noticed yet: what is read afterwards is final.
func (p *pipeline) open(ctx context.Context) ([]*viewBuilder, error) {
	var fence []readmodels.Batch
	for _, j := range p.jobs {
		fence = append(fence, readmodels.Batch{Name: j.spec.Name, Version: j.spec.Version, Token: p.token})
	}
	if err := p.cfg.Store.Commit(ctx, fence...); err != nil {
		return nil, err
	}
	var views []*viewBuilder
	for _, j := range p.jobs {
		v, err := openView(ctx, p.cfg.Store, j.fold, j.spec, p.cfg.Cache)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}
