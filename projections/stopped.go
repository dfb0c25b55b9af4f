package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zhiping/readmodels"
)

// StoppedError says before which event this node's projections stopped, because this program cannot read it. A newer
// program wrote it, or it is corrupt; waiting does not help this node, but another one may go on.
type StoppedError struct {
	Stream   string
	Type     string
	Revision uint64
	Position uint64
	Err      error
}

func (e *StoppedError) Error() string {
	return fmt.Sprintf("projections: stopped before %s at %s/%d, position %d: %v", e.Type, e.Stream, e.Revision, e.Position, e.Err)
}

func (e *StoppedError) Unwrap() error { return e.Err }

func stoppedBefore(e Stored, err error) *StoppedError {
	return &StoppedError{Stream: e.Stream, Type: e.Type, Revision: e.Revision, Position: e.Position, Err: err}
}

// Stop is a node that stopped before an event which its program cannot read, as operators see it. The document is there
// until the node leads again and gets past the event.
type Stop struct {
	Owner    string    `json:"owner"`
	Stream   string    `json:"stream"`
	Revision uint64    `json:"revision"`
	Type     string    `json:"type"`
	Position uint64    `json:"position"`
	Error    string    `json:"error"`
	At       time.Time `json:"at"` // when it stopped for the first time
}

func stopView() readmodels.View[Stop] {
	return readmodels.View[Stop]{Name: "projectionstops", Version: 1}
}

// Stops lists the nodes that stopped before an event which their program cannot read.
func Stops(ctx context.Context, store readmodels.Store) ([]Stop, error) {
	if err := store.Open(ctx, stopView().Spec()); err != nil {
		return nil, err
	}
	page, err := stopView().Find(ctx, store, readmodels.Query{Limit: 1000})
	if err != nil {
		return nil, fmt.Errorf("list stops: %w", err)
	}
	var out []Stop
	for _, it := range page.Items {
		out = append(out, *it.Doc)
	}
	return out, nil
}

// Stopped is why this node's projections stand still, nil while they run or another node leads without a stop here.
func (p *Projector) Stopped() *StoppedError {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stop
}

// recordStop remembers the stop for status, metrics and the operators' list, and logs each event once. It is called
// before the lease is released.
func (p *Projector) recordStop(ctx context.Context, stop *StoppedError) {
	p.mu.Lock()
	before := p.stop
	p.stop = stop
	p.mu.Unlock()
	if before != nil && before.Position == stop.Position {
		return
	}
	p.cfg.Observer.Stopped(true)
	p.cfg.Logger.Error("projections of this node stopped before an event that this version cannot read; a node with a newer version goes on",
		"stream", stop.Stream, "revision", stop.Revision, "type", stop.Type, "position", stop.Position, "error", stop.Err)
	doc := &Stop{Owner: p.cfg.Owner, Stream: stop.Stream, Revision: stop.Revision, Type: stop.Type, Position: stop.Position, Error: stop.Err.Error(), At: time.Now().UTC()}
	p.changeStop(ctx, readmodels.Batch{Puts: []readmodels.Put{stopView().Put(p.cfg.Owner, stop.Position, doc)}, Checkpoint: stop.Position})
}

// clearStop says that this node's projections are past the event before which they stopped, in this process or an earlier
// one.
func (p *Projector) clearStop(ctx context.Context, checkpoint uint64) {
	p.mu.Lock()
	before := p.stop
	if before != nil && checkpoint >= before.Position {
		p.stop = nil
		p.mu.Unlock()
		p.cfg.Observer.Stopped(false)
		p.cfg.Logger.Info("projections are past the event that they stopped before", "position", before.Position, "checkpoint", checkpoint)
	} else {
		p.mu.Unlock()
	}
	stop, _, ok, err := stopView().Get(ctx, p.cfg.Store, p.cfg.Owner)
	if err != nil || !ok || checkpoint < stop.Position {
		return
	}
	p.changeStop(ctx, readmodels.Batch{Deletes: []readmodels.Put{{ID: p.cfg.Owner, Position: stop.Position}}, Checkpoint: stop.Position})
}

// changeStop writes the operators' list. It is a note beside the work, so a failure is logged and not repeated.
func (p *Projector) changeStop(ctx context.Context, b readmodels.Batch) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	b.Name, b.Version = stopView().Name, stopView().Version
	err := p.cfg.Store.Open(ctx, stopView().Spec())
	if err == nil {
		err = p.cfg.Store.Commit(ctx, b)
	}
	if err != nil {
		p.cfg.Logger.Warn("the list of stopped nodes was not written", "error", err)
	}
}

// asStopped finds the stop among what ended a term.
func asStopped(err error) *StoppedError {
	var stop *StoppedError
	if errors.As(err, &stop) {
		return stop
	}
	return nil
}
