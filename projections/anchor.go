package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"zhiping/readmodels"
)

// Log lets the projector check that its checkpoints belong to the log which it reads.
type Log interface {
	// EventAt is the id of the event at a position; ok is false where the log has none there.
	EventAt(ctx context.Context, position uint64) (id uuid.UUID, ok bool, err error)
	// End is the position of the last event, the store's own included; 0 when there is none.
	End(ctx context.Context) (uint64, error)
}

// anchor is the newest event that the live views include. Its id tells whether the log still is the one that they were
// folded from: a restored backup has another event at the position, or ends before it.
type anchor struct {
	Position uint64    `json:"position"`
	Event    uuid.UUID `json:"event"`
}

const anchorID = "log"

func anchorView() readmodels.View[anchor] {
	return readmodels.View[anchor]{Name: "projectionanchor", Version: 1}
}

// errOtherLog ends a round of leadership because the log is not the one that the views were folded from.
var errOtherLog = errors.New("projections: the event store holds another history than the views")

// checkEvery is how often a leader compares its anchor with the log, since a store may be replaced while it is away.
const checkEvery = 5 * time.Second

// checkLog answers errOtherLog when the views were folded from another history than the log's.
func (p *Projector) checkLog(ctx context.Context) error {
	if p.cfg.Log == nil {
		return nil
	}
	store := p.cfg.Store
	if err := store.Open(ctx, anchorView().Spec()); err != nil {
		return err
	}
	known, _, ok, err := anchorView().Get(ctx, store, anchorID)
	if err != nil {
		return err
	}
	if ok {
		id, there, err := p.cfg.Log.EventAt(ctx, known.Position)
		if err != nil {
			return err
		}
		if !there || id != known.Event {
			return fmt.Errorf("%w: %s is not at position %d", errOtherLog, known.Event, known.Position)
		}
	}
	furthest := uint64(0) // before the end, which only grows
	for _, f := range p.cfg.Folds {
		name := f.Spec().Name
		live, ok, err := store.Live(ctx, name)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		at, _, err := store.Checkpoint(ctx, name, live)
		if err != nil {
			return err
		}
		furthest = max(furthest, at)
	}
	if furthest == 0 {
		return nil
	}
	end, err := p.cfg.Log.End(ctx)
	if err == nil && furthest > end {
		err = fmt.Errorf("%w: the views are at position %d, and the log ends at %d", errOtherLog, furthest, end)
	}
	return err
}

// startAnew makes empty versions of all views live, to be folded from the log as it is, and drops what was folded from
// another one. Until the views have caught up, reads answer that they are being rebuilt. A crash in between is repaired
// by the next leader, since the anchor goes last.
func (p *Projector) startAnew(ctx context.Context, token uint64, why error) error {
	p.cfg.Logger.Error("the event store holds another history than the views, as after restoring a backup; all views are rebuilt from it", "error", why)
	store := p.cfg.Store
	if err := p.setRebuilding(ctx, token, true); err != nil {
		return err
	}
	newest := map[string]readmodels.Spec{}
	for _, f := range p.cfg.Folds {
		if spec := f.Spec(); spec.Version > newest[spec.Name].Version {
			newest[spec.Name] = spec
		}
	}
	for name, spec := range newest {
		live, ok, err := store.Live(ctx, name)
		if err != nil {
			return err
		}
		if ok && codeVersion(live) > spec.Version {
			continue // a node with a newer program fills it
		}
		old := spec
		old.Version = live
		if ok && codeVersion(live) == spec.Version {
			spec.Version = live + generations
		}
		if err := p.dropVersion(ctx, spec, token); err != nil { // a rebuild that had begun
			return err
		}
		if err := store.Open(ctx, spec); err != nil {
			return err
		}
		if err := store.SetLive(ctx, name, spec.Version, token); err != nil {
			return err
		}
		p.cfg.Swapped(name)
		if ok {
			if err := p.dropVersion(ctx, old, token); err != nil {
				return err
			}
		}
	}
	if err := store.Drop(ctx, stopView().Name, stopView().Version); err != nil {
		return err
	}
	return store.Drop(ctx, anchorView().Name, anchorView().Version)
}

func (p *Projector) dropVersion(ctx context.Context, spec readmodels.Spec, token uint64) error {
	if err := p.cfg.Store.Drop(ctx, spec.Name, spec.Version); err != nil {
		return err
	}
	return unpark(ctx, p.cfg.Store, spec, token)
}

// setRebuilding makes reads answer that the views are being rebuilt, or no longer.
func (p *Projector) setRebuilding(ctx context.Context, token uint64, on bool) error {
	state := readmodels.RebuildState(on)
	if err := p.cfg.Store.Open(ctx, ParkedView().Spec(), state); err != nil {
		return err
	}
	if err := p.cfg.Store.SetLive(ctx, state.Name, state.Version, token); err != nil {
		return err
	}
	p.cfg.Swapped(state.Name)
	return nil
}

// endRebuild says that reads are served again, once the live views have caught up.
func (p *Projector) endRebuild(ctx context.Context, live *pipeline, token uint64) error {
	if !live.caughtUp() {
		return nil
	}
	version, ok, err := p.cfg.Store.Live(ctx, readmodels.RebuildState(true).Name)
	if err != nil || !ok || version != readmodels.RebuildState(true).Version {
		return err
	}
	if err := p.setRebuilding(ctx, token, false); err != nil {
		return err
	}
	p.cfg.Logger.Info("all views are rebuilt from the event store's history")
	return nil
}

// watchLog checks the log now and then, and ends a rebuild that another history made necessary.
func (p *Projector) watchLog(ctx context.Context, live *pipeline, token uint64) error {
	if p.cfg.Log == nil {
		return nil
	}
	for checked := time.Now(); ; {
		if err := pause(ctx, min(p.cfg.CheckpointEvery, checkEvery)); err != nil {
			return err
		}
		err := p.endRebuild(ctx, live, token)
		if err == nil && time.Since(checked) >= checkEvery {
			checked = time.Now()
			err = p.checkLog(ctx)
		}
		switch {
		case errors.Is(err, errOtherLog), errors.Is(err, readmodels.ErrFenced):
			return err
		case err != nil && ctx.Err() == nil:
			p.cfg.Observer.Failed("check the log", err)
		}
	}
}
