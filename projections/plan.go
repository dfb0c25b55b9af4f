package projections

import (
	"context"
	"errors"

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
		err := retry(ctx, p.cfg, "check the log", func() error { return p.checkLog(ctx) })
		if errors.Is(err, errOtherLog) {
			why := err
			err = retry(ctx, p.cfg, "start anew", func() error { return p.startAnew(ctx, token, why) })
		}
		if err != nil {
			return err
		}
		err = retry(ctx, p.cfg, "plan", func() (err error) {
			todo, err = p.plan(ctx, token)
			return err
		})
		if err != nil {
			return err
		}
		if err := p.round(ctx, token, todo); !errors.Is(err, errReplan) && !errors.Is(err, errOtherLog) {
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
	open := []readmodels.Spec{ParkedView().Spec(), requestView().Spec(), stopView().Spec(), anchorView().Spec()}
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
