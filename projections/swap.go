package projections

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"zhiping/readmodels"
)

// round runs the live views and, beside them on a subscription of its own, those being built, until a swap or a
// request calls for another plan.
func (p *Projector) round(ctx context.Context, token uint64, todo plan) error {
	live := newPipeline(p.cfg, livePipeline, todo.live, token)
	pipelines := []*pipeline{live}
	if len(todo.build) > 0 {
		pipelines = append(pipelines, newPipeline(p.cfg, "rebuild", todo.build, token))
	}
	p.mu.Lock()
	p.pipelines = pipelines
	p.mu.Unlock()
	g, ctx := errgroup.WithContext(ctx)
	for _, pl := range pipelines {
		g.Go(func() error { return pl.run(ctx) })
	}
	g.Go(func() error { return p.watchLog(ctx, live, token) })
	g.Go(func() error { return p.serveRequests(ctx, pipelines, todo) })
	if len(todo.build) > 0 {
		g.Go(func() error { return p.swap(ctx, live, pipelines[1], token) })
	}
	return g.Wait()
}

const swapPoll = 50 * time.Millisecond

// swap waits until the new versions include all history, makes them live, and keeps both up to date for a while,
// because other nodes notice the swap a little later and must not see the old version fall behind.
func (p *Projector) swap(ctx context.Context, live, build *pipeline, token uint64) error {
	for _, j := range build.jobs {
		for done := false; !done; {
			if err := pause(ctx, swapPoll); err != nil {
				return err
			}
			if !build.caughtUp() {
				continue
			}
			err := retry(ctx, p.cfg, "swap", func() (err error) {
				done, err = p.swapOne(ctx, live, build, j.spec, token)
				return err
			})
			if err != nil {
				return err
			}
		}
		p.cfg.Swapped(j.spec.Name)
		p.cfg.Logger.Info("view rebuilt and live", "view", j.spec.Name, "version", j.spec.Version)
	}
	if err := pause(ctx, p.cfg.KeepOld); err != nil {
		return err
	}
	return errReplan
}

// swapOne holds the old version where it is until the new one is at least as far, so that no read goes back in
// time. It gives up for now when that takes long, because the old version must not stand still.
func (p *Projector) swapOne(ctx context.Context, live, build *pipeline, spec readmodels.Spec, token uint64) (bool, error) {
	live.gate.Lock()
	defer live.gate.Unlock()
	old, _ := live.checkpoint(spec.Name)
	for range 40 {
		if at, _ := build.checkpoint(spec.Name); at >= old {
			return true, p.cfg.Store.SetLive(ctx, spec.Name, spec.Version, token)
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return false, err
		}
	}
	return false, nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
