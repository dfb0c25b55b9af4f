package projections

import (
	"context"
	"maps"
	"slices"
	"strings"

	"zhiping/domain"
	"zhiping/readmodels"
)

// replay tries a view's parked documents again. What fails stays parked, with what is the matter now.
func (p *Projector) replay(ctx context.Context, pl *pipeline, name string) error {
	return pl.task(ctx, func(ctx context.Context) error {
		for _, v := range pl.views {
			if v.spec.Name != name {
				continue
			}
			for _, id := range slices.Sorted(maps.Keys(v.parked)) {
				if strings.HasPrefix(id, eventPrefix) {
					p.cfg.Logger.Warn("only a rebuild can repair an event whose documents were not known", "view", name, "id", id)
					continue
				}
				err := retry(ctx, p.cfg, "replay", func() error { return pl.replay(ctx, v, id) })
				if stop := asStopped(err); stop != nil {
					p.cfg.Logger.Warn("a parked document has an event that this version cannot read, and stays parked", "view", name, "id", id, "error", stop)
					continue
				}
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
func (p *pipeline) replay(ctx context.Context, v *viewBuilder, id string) error {
	docs, err := v.fetch(ctx, p.cfg.Store, map[string]bool{id: true})
	if err != nil {
		return err
	}
	s := newSpace(v.fold, v.copyDoc, map[string]*Parked{})
	s.load(id, docs[id])
	var again *Parked
	err = p.readRange(ctx, docs[id].Position, v.checkpoint, func(e domain.Recorded) error {
		k, err := v.loadForReplay(ctx, p.cfg.Store, s, id, e)
		if err != nil {
			return err
		}
		defer s.unload(id)
		if again != nil || !slices.Contains(k.keys, id) {
			return nil
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
	return p.storeReplay(ctx, v, id, s, again)
}

// storeReplay stores what a replay came to. A document that fails again keeps what it had before.
func (p *pipeline) storeReplay(ctx context.Context, v *viewBuilder, id string, s *space, again *Parked) error {
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
	v.apply(result{space: s}, v.checkpoint)
	v.markStored(result{space: s}, v.checkpoint)
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.parked, id)
	return nil
}

// readRange reads the events behind one position up to another on a subscription of its own.
func (p *pipeline) readRange(ctx context.Context, after, upTo uint64, each func(domain.Recorded) error) error {
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
		for _, stored := range d.Events {
			if stored.Position > upTo {
				return nil
			}
			e, err := p.cfg.Feed.Decode(stored)
			if err != nil {
				return stoppedBefore(stored, err)
			}
			if err := each(e); err != nil {
				return err
			}
		}
		if d.Position >= upTo || d.Live {
			return nil
		}
	}
	return context.Cause(ctx)
}
