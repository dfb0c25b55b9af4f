package telemetry

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/infra/eventstore"
	"zhiping/projections"
)

// outcome is a label with few values: ok, the kind of the refusal, or error.
func outcome(err error) string {
	var e *domain.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &e):
		return string(e.Kind)
	case errors.Is(err, commands.ErrConflict):
		return string(domain.Conflict)
	case errors.Is(err, context.Canceled):
		return "cancelled"
	}
	return "error"
}

// Command counts one command; it is a commands.Config.Observe.
func (m *Metrics) Command(_ context.Context, r commands.Report) {
	m.commandSeconds.WithLabelValues(r.Command, outcome(r.Err)).Observe(r.Duration.Seconds())
	m.conflicts.WithLabelValues(r.Command).Add(float64(r.Conflicts))
	if r.Err == nil && !r.Replayed {
		m.commandEvents.WithLabelValues(r.Command).Add(float64(r.Events))
	}
}

// EventStore observes a client of the event store.
func (m *Metrics) EventStore() eventstore.Observer {
	return eventstore.Observer{
		Append: func(took time.Duration, err error) {
			m.appendSeconds.WithLabelValues(outcome(err)).Observe(took.Seconds())
		},
		Reconnect: func(name string, _ error) { m.reconnects.WithLabelValues(name).Inc() },
	}
}

// Projector observes a projector.
func (m *Metrics) Projector() projections.Observer {
	return &projector{m: m, views: map[string]map[[2]string]bool{}}
}

type projector struct {
	m     *Metrics
	mu    sync.Mutex
	views map[string]map[[2]string]bool // by pipeline: views whose lag is not 0
}

// Committed implements projections.Observer.
func (p *projector) Committed(c projections.Commit) {
	m := p.m
	m.batch.WithLabelValues(c.Pipeline).Observe(float64(c.Events))
	m.fold.WithLabelValues(c.Pipeline).Observe(c.Fold.Seconds())
	m.commit.WithLabelValues(c.Pipeline).Observe(c.Store.Seconds())
	age := 0.0
	if !c.Oldest.IsZero() {
		age = max(0, time.Since(c.Oldest).Seconds())
		m.delay.WithLabelValues(c.Pipeline).Observe(age)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	lagging := map[[2]string]bool{}
	for _, v := range c.Views {
		version := strconv.Itoa(v.Version)
		lagging[[2]string{v.Name, version}] = true
		m.lagSeconds.WithLabelValues(v.Name, version).Set(age)
		m.viewEvents.WithLabelValues(v.Name, version).Add(float64(v.Events))
		m.viewDocs.WithLabelValues(v.Name, version).Add(float64(v.Documents))
		m.checkpoint.WithLabelValues(v.Name, version).Set(float64(v.Checkpoint))
	}
	p.views[c.Pipeline] = lagging
}

// Failed implements projections.Observer.
func (p *projector) Failed(task string, _ error) { p.m.storeFailed.WithLabelValues(task).Inc() }

// Parked implements projections.Observer.
func (p *projector) Parked(view string, version, count int) {
	p.m.parked.WithLabelValues(view, strconv.Itoa(version)).Set(float64(count))
}

// Stopped implements projections.Observer.
func (p *projector) Stopped(stopped bool) {
	if stopped {
		p.m.stopped.Set(1)
	} else {
		p.m.stopped.Set(0)
	}
}

// Backlog implements projections.Observer.
func (p *projector) Backlog(pipeline string, events int, live bool) {
	p.m.lagEvents.WithLabelValues(pipeline).Set(float64(events))
	p.m.live.WithLabelValues(pipeline).Set(0)
	if !live {
		return
	}
	p.m.live.WithLabelValues(pipeline).Set(1)
	if events > 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for v := range p.views[pipeline] {
		p.m.lagSeconds.WithLabelValues(v[0], v[1]).Set(0)
	}
	delete(p.views, pipeline)
}
