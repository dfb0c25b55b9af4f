package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zhiping/readmodels"
)

// request is what an operator asks of whichever node leads, one document a view.
type request struct {
	View string `json:"view"`
	// Rebuild is the stored version that shall be built and become live; 0 for none.
	Rebuild int `json:"rebuild,omitempty"`
	// Replay asks for the view's parked documents to be tried again; done, it is false again.
	Replay bool `json:"replay,omitempty"`
}

func requestView() readmodels.View[request] {
	return readmodels.View[request]{Name: "projectionrequests", Version: 1}
}

// requestPoll is how often a leader looks for requests.
const requestPoll = time.Second

// ErrNoProjection answers a request for a view that no projection fills.
var ErrNoProjection = errors.New("projections: no such projection")

func listRequests(ctx context.Context, r readmodels.Reader) (map[string]request, error) {
	page, err := requestView().Find(ctx, r, readmodels.Query{Limit: 1000})
	if err != nil {
		return nil, fmt.Errorf("list requests: %w", err)
	}
	out := map[string]request{}
	for _, it := range page.Items {
		out[it.Doc.View] = *it.Doc
	}
	return out, nil
}

// changeRequest changes the request of a view. Two operators who ask at once get one of the two.
func changeRequest(ctx context.Context, store readmodels.Store, name string, change func(*request)) error {
	if err := store.Open(ctx, requestView().Spec()); err != nil {
		return err
	}
	old, position, _, err := requestView().Get(ctx, store, name)
	if err != nil {
		return err
	}
	next := request{View: name}
	if old != nil {
		next = *old
	}
	change(&next)
	return store.Commit(ctx, readmodels.Batch{
		Name: requestView().Name, Version: requestView().Version, Checkpoint: position + 1,
		Puts: []readmodels.Put{requestView().Put(name, position+1, &next)},
	})
}

// RequestRebuild asks the leader to build the view anew, beside the live one, and to swap it in. The answer is the
// version that is going to be live. A projection whose code has a new version is rebuilt without being asked.
func RequestRebuild(ctx context.Context, store readmodels.Store, folds []Fold, name string) (int, error) {
	newest := 0
	for _, f := range folds {
		if s := f.Spec(); s.Name == name {
			newest = max(newest, s.Version)
		}
	}
	if newest == 0 {
		return 0, fmt.Errorf("%w: %s", ErrNoProjection, name)
	}
	live, ok, err := store.Live(ctx, name)
	if err != nil {
		return 0, err
	}
	want := newest
	if ok && codeVersion(live) == newest {
		want = live + generations
	}
	return want, changeRequest(ctx, store, name, func(r *request) { r.Rebuild = want })
}

// RequestReplay asks the leader to try the parked documents of a view again.
func RequestReplay(ctx context.Context, store readmodels.Store, folds []Fold, name string) error {
	for _, f := range folds {
		if f.Spec().Name == name {
			return changeRequest(ctx, store, name, func(r *request) { r.Replay = true })
		}
	}
	return fmt.Errorf("%w: %s", ErrNoProjection, name)
}

// ReplayPending tells whether a requested replay has not been done yet.
func ReplayPending(ctx context.Context, store readmodels.Store, name string) (bool, error) {
	r, _, ok, err := requestView().Get(ctx, store, name)
	return ok && r.Replay, err
}

// serveRequests looks for requests and does them; rebuilds are a matter of the plan.
func (p *Projector) serveRequests(ctx context.Context, pipelines []*pipeline, todo plan) error {
	current := map[string]int{} // the newest version at work
	for _, j := range append(todo.live, todo.build...) {
		current[j.spec.Name] = j.spec.Version
	}
	for {
		requests, err := listRequests(ctx, p.cfg.Store)
		if err != nil && ctx.Err() == nil {
			p.cfg.Observer.Failed("list requests", err)
		}
		if at, ok := pipelines[0].lowest(); ok {
			p.clearStop(ctx, at)
		}
		for name, r := range requests {
			if r.Replay {
				if err := p.replayAll(ctx, pipelines, name); err != nil {
					return err
				}
			}
			if at := current[name]; r.Rebuild > at && at > 0 && codeVersion(r.Rebuild) == codeVersion(at) {
				return errReplan
			}
		}
		if err := pause(ctx, requestPoll); err != nil {
			return err
		}
	}
}

func (p *Projector) replayAll(ctx context.Context, pipelines []*pipeline, name string) error {
	for _, pl := range pipelines {
		if len(pl.jobs) == 0 {
			continue
		}
		if err := p.replay(ctx, pl, name); err != nil {
			return err
		}
	}
	return retry(ctx, p.cfg, "finish replay", func() error {
		return changeRequest(ctx, p.cfg.Store, name, func(r *request) { r.Replay = false })
	})
}
