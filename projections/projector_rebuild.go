package projections

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"zhiping/readmodels"
)

// generations is the factor between a rebuild of the same version of a view, and the version itself: version 3
// is stored as 3, its first rebuild on demand as 1,000,003. A new version of the code is version 4, generation 0.
const generations = 1_000_000

// codeVersion is the version of the fold that fills a stored version.
func codeVersion(stored int) int { return stored % generations }

// plan says what a leader works on.
type plan struct {
	live  []job
	build []job
	drop  []readmodels.Spec // left over from earlier swaps
}

// errReplan ends a round of leadership because the plan has changed.
var errReplan = errors.New("projections: plan anew")

// lead works by plans until ctx ends.
func (p *Projector) lead(ctx context.Context, token uint64) error {
	for {
		var todo plan
		err := retry(ctx, p.cfg, "plan", func() (err error) {
			todo, err = p.plan(ctx, token)
			return err
		})
		if err != nil {
			return err
		}
		if err := p.round(ctx, token, todo); !errors.Is(err, errReplan) {
			return err
		}
	}
}

// plan finds out which versions are live and which must be built, and opens both. A view without any live version
// goes live at once: there is nothing better to read. A live version newer than our code is left alone, because a
// node with that code is about.
func (p *Projector) plan(ctx context.Context, token uint64) (plan, error) {
	var out plan
	store := p.cfg.Store
	open := []readmodels.Spec{ParkedView().Spec(), requestView().Spec()}
	newest, folds := map[string]int{}, map[string]Fold{}
	var names []string
	for _, f := range p.cfg.Folds {
		spec := f.Spec()
		if newest[spec.Name] == 0 {
			names = append(names, spec.Name)
		}
		newest[spec.Name] = max(newest[spec.Name], spec.Version)
		folds[viewKey(spec.Name, spec.Version)] = f
	}
	if err := store.Open(ctx, open...); err != nil {
		return out, err
	}
	requests, err := listRequests(ctx, store)
	if err != nil {
		return out, err
	}
	for _, name := range names {
		target := folds[viewKey(name, newest[name])]
		at := func(f Fold, version int) job {
			spec := f.Spec()
			spec.Version = version
			open = append(open, spec)
			return job{f, spec}
		}
		live, ok, err := store.Live(ctx, name)
		switch {
		case err != nil:
			return out, err
		case !ok:
			out.live = append(out.live, at(target, newest[name]))
			continue
		}
		if f := folds[viewKey(name, codeVersion(live))]; f != nil {
			out.live = append(out.live, at(f, live))
		} else if codeVersion(live) > newest[name] && requests[name].Rebuild == 0 {
			p.cfg.Logger.Warn("a newer program fills this view", "view", name, "live", live, "ours", newest[name])
			continue
		}
		switch want := requests[name].Rebuild; {
		case codeVersion(live) != newest[name]:
			out.build = append(out.build, at(target, newest[name]))
		case want > live && codeVersion(want) == newest[name]:
			out.build = append(out.build, at(target, want))
		}
		for v := 1; v < newest[name]; v++ {
			for stored := v; v != codeVersion(live) && stored < 3*generations; stored += generations {
				out.drop = append(out.drop, readmodels.Spec{Name: name, Version: stored})
			}
		}
		if live >= generations {
			out.drop = append(out.drop, readmodels.Spec{Name: name, Version: live - generations})
		}
	}
	if err := store.Open(ctx, open...); err != nil {
		return out, err
	}
	for _, j := range out.live {
		if err := p.ensureLive(ctx, j.spec, token); err != nil {
			return out, err
		}
	}
	for _, d := range out.drop {
		if err := store.Drop(ctx, d.Name, d.Version); err != nil {
			return out, err
		}
		if err := unpark(ctx, store, d, token); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (p *Projector) ensureLive(ctx context.Context, spec readmodels.Spec, token uint64) error {
	_, ok, err := p.cfg.Store.Live(ctx, spec.Name)
	if err != nil || ok {
		return err
	}
	return p.cfg.Store.SetLive(ctx, spec.Name, spec.Version, token)
}

// round runs the live views and, beside them on a subscription of its own, those being built, until a swap or a
// request calls for another plan.
func (p *Projector) round(ctx context.Context, token uint64, todo plan) error {
	live := newPipeline(p.cfg, "live", todo.live, token)
	lines := []*pipeline{live}
	if len(todo.build) > 0 {
		lines = append(lines, newPipeline(p.cfg, "rebuild", todo.build, token))
	}
	p.mu.Lock()
	p.lines = lines
	p.mu.Unlock()
	g, ctx := errgroup.WithContext(ctx)
	for _, line := range lines {
		g.Go(func() error { return line.run(ctx) })
	}
	g.Go(func() error { return p.serveRequests(ctx, lines, todo) })
	if len(todo.build) > 0 {
		g.Go(func() error { return p.swap(ctx, live, lines[1], token) })
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
