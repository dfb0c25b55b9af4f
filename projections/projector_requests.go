package projections

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"zhiping/domain"
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

// ask changes the request of a view. Two operators who ask at once get one of the two.
func ask(ctx context.Context, store readmodels.Store, name string, change func(*request)) error {
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
	return want, ask(ctx, store, name, func(r *request) { r.Rebuild = want })
}

// RequestReplay asks the leader to try the parked documents of a view again.
func RequestReplay(ctx context.Context, store readmodels.Store, folds []Fold, name string) error {
	for _, f := range folds {
		if f.Spec().Name == name {
			return ask(ctx, store, name, func(r *request) { r.Replay = true })
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
func (p *Projector) serveRequests(ctx context.Context, lines []*pipeline, todo plan) error {
	current := map[string]int{} // the newest version at work
	for _, j := range append(todo.live, todo.build...) {
		current[j.spec.Name] = j.spec.Version
	}
	for {
		requests, err := listRequests(ctx, p.cfg.Store)
		if err != nil && ctx.Err() == nil {
			p.cfg.Observer.Failed("list requests", err)
		}
		for name, r := range requests {
			if r.Replay {
				if err := p.replayAll(ctx, lines, name); err != nil {
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

func (p *Projector) replayAll(ctx context.Context, lines []*pipeline, name string) error {
	for _, line := range lines {
		if len(line.jobs) == 0 {
			continue
		}
		if err := p.replay(ctx, line, name); err != nil {
			return err
		}
	}
	return retry(ctx, p.cfg, "finish replay", func() error {
		return ask(ctx, p.cfg.Store, name, func(r *request) { r.Replay = false })
	})
}

// replay tries a view's parked documents again. What fails stays parked, with what is the matter now.
func (p *Projector) replay(ctx context.Context, line *pipeline, name string) error {
	return line.task(ctx, func(ctx context.Context) error {
		for _, v := range line.views {
			if v.spec.Name != name {
				continue
			}
			for id := range v.parked {
				if strings.HasPrefix(id, eventPrefix) {
					p.cfg.Logger.Warn("only a rebuild can repair an event whose documents were not known", "view", name, "id", id)
					continue
				}
				err := retry(ctx, p.cfg, "replay", func() error { return line.replay(ctx, v, id) })
				if err != nil {
					return err
				}
			}
			p.cfg.Observer.Parked(v.spec.Name, v.spec.Version, len(v.parked))
		}
		return nil
	})
}

// replay folds one parked document from where it stopped to the view's checkpoint. Live events wait meanwhile.
func (p *pipeline) replay(ctx context.Context, v *view, id string) error {
	docs, err := v.fetch(ctx, p.cfg.Store, map[string]bool{id: true})
	if err != nil {
		return err
	}
	s := newSpace(v.fold, v.copyDoc, map[string]*Parked{})
	s.load(id, docs[id])
	var again *Parked
	err = p.since(ctx, docs[id].Position, v.checkpoint, func(e domain.Recorded) error {
		k := v.keysOf(e)
		concerned := false
		for _, key := range k.keys {
			concerned = concerned || key == id
		}
		if !concerned || again != nil {
			return nil
		}
		others := map[string]bool{}
		for _, key := range k.keys {
			if key != id {
				others[key] = true
				s.parked[key] = &Parked{} // they have had this event
			}
		}
		more, err := v.fetch(ctx, p.cfg.Store, others)
		if err != nil {
			return err
		}
		for key, d := range more {
			s.load(key, d)
		}
		err = k.err
		if err == nil {
			err = s.fold(e, k.keys)
		}
		if err != nil {
			again = park(v.spec, id, e, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return p.replayed(ctx, v, id, s, again)
}

// replayed stores what a replay came to. A document that fails again keeps what it had before.
func (p *pipeline) replayed(ctx context.Context, v *view, id string, s *space, again *Parked) error {
	list := readmodels.Batch{Name: ParkedView().Name, Version: ParkedView().Version, Checkpoint: v.checkpoint, Token: p.token}
	if again != nil {
		list.Puts = []readmodels.Put{ParkedView().Put(ParkedID(v.spec, id), v.checkpoint, again)}
		if err := p.cfg.Store.Commit(ctx, list); err != nil {
			return err
		}
		v.mu.Lock()
		v.parked[id] = again
		v.mu.Unlock()
		return nil
	}
	doc := readmodels.Batch{Name: v.spec.Name, Version: v.spec.Version, Checkpoint: v.checkpoint, Token: p.token}
	doc.Puts, doc.Deletes = s.changes()
	list.Deletes = []readmodels.Put{{ID: ParkedID(v.spec, id), Position: v.checkpoint}}
	if err := p.cfg.Store.Commit(ctx, doc, list); err != nil {
		return err
	}
	v.take(result{space: s}, v.checkpoint)
	v.stored(result{space: s}, v.checkpoint)
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.parked, id)
	return nil
}

// since reads the events behind one position up to another on a subscription of its own.
func (p *pipeline) since(ctx context.Context, after, upTo uint64, each func(domain.Recorded) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sub := p.cfg.Feed.Subscriber(after)
	defer func() { _ = sub.Close() }()
	messages, err := sub.Subscribe(ctx, Topic)
	if err != nil {
		return err
	}
	for m := range messages {
		d, _ := p.cfg.Feed.Open(m)
		m.Ack()
		for _, e := range d.Events {
			if e.Position > upTo {
				return nil
			}
			if err := each(e); err != nil {
				return err
			}
		}
		if d.Err != nil {
			return d.Err
		}
		if d.Position >= upTo || d.Live {
			return nil
		}
	}
	return context.Cause(ctx)
}
