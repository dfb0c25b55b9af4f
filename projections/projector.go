package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"zhiping/readmodels"
)

// Config says what a Projector runs, on what. Fields without a word on defaults are required.
type Config struct {
	Feed Feed
	// Log is asked whether checkpoints belong to the history that is read. Optional: they are not checked without it.
	Log   Log
	Store readmodels.Store
	Folds []Fold

	// Owner names this node for the lease: stable across its restarts, and different from every other node's.
	// The default is right only where there is one process.
	Owner string
	// LeaseTTL is after how long without a sign of life another node takes over. Default 4 s.
	LeaseTTL time.Duration
	// Swapped is told when another version of a view was made live (readmodels.LiveReader.Forget). Optional.
	Swapped func(name string)
	// StopPause is how long a node that cannot read an event leaves the lease to others before it tries again. Default 15 s.
	StopPause time.Duration
	// KeepOld is how long a replaced version is kept up to date and in place, for nodes that have not noticed.
	// Default 5 s.
	KeepOld time.Duration

	// MaxBatch is the most events that are committed at once. Default 2,000.
	MaxBatch int
	// Linger is how long a batch waits for more events while history is caught up on; live events never wait.
	// Default 20 ms.
	Linger time.Duration
	// CheckpointEvery is how often checkpoints are stored when nothing of interest happens. Default 1 s.
	CheckpointEvery time.Duration
	// Cache is how many documents of each view are kept in memory. Default 1,024.
	Cache int
	// SpoolDir is the folder where history is sorted before it is folded. Default: the system's for temporary files.
	SpoolDir string
	// MaxSpool is how many bytes of history are sorted at once, which is as much as they take of the disk. Default 256 MiB.
	MaxSpool int64
	// Notify is told how far a version of a view is, after each commit (readmodels.Tracker.Notify). Optional.
	Notify func(name string, version int, position uint64)
	// Observer gets figures. Optional.
	Observer Observer
	// Tracer links commits to the requests that caused their events. Optional.
	Tracer trace.Tracer
	// Middlewares run around every delivery, inside the router's own (recoverer, correlation id). Optional.
	Middlewares []message.HandlerMiddleware
	// Logger: nil logs nothing.
	Logger *slog.Logger
}

func (c Config) validate() error {
	var faults []error
	if c.Feed == nil {
		faults = append(faults, errors.New("no feed"))
	}
	if c.Store == nil {
		faults = append(faults, errors.New("no store"))
	}
	seen := map[string]bool{}
	for _, f := range c.Folds {
		spec := f.Spec()
		if key := viewKey(spec.Name, spec.Version); seen[key] {
			faults = append(faults, fmt.Errorf("two projections fill %s", key))
		} else {
			seen[key] = true
		}
		if spec.Name == "" || spec.Name == ParkedView().Name || spec.Name == requestView().Name || spec.Name == stopView().Name || spec.Name == anchorView().Name ||
			spec.Name == readmodels.RebuildState(true).Name ||
			spec.Version < 1 || spec.Version >= generations {
			faults = append(faults, fmt.Errorf("view %q version %d: bad name or version", spec.Name, spec.Version))
		}
	}
	return errors.Join(faults...)
}

func (c Config) withDefaults() Config {
	if c.MaxBatch <= 0 {
		c.MaxBatch = 2_000
	}
	if c.Linger <= 0 {
		c.Linger = 20 * time.Millisecond
	}
	if c.CheckpointEvery <= 0 {
		c.CheckpointEvery = time.Second
	}
	if c.Cache <= 0 {
		c.Cache = 1_024
	}
	if c.SpoolDir == "" {
		c.SpoolDir = os.TempDir()
	}
	if c.MaxSpool <= 0 {
		c.MaxSpool = 256 << 20
	}
	if c.Owner == "" {
		c.Owner = "single"
	}
	if c.LeaseTTL <= 0 {
		c.LeaseTTL = 4 * time.Second
	}
	if c.StopPause <= 0 {
		c.StopPause = 15 * time.Second
	}
	if c.KeepOld <= 0 {
		c.KeepOld = 5 * time.Second
	}
	if c.Swapped == nil {
		c.Swapped = func(string) {}
	}
	if c.Notify == nil {
		c.Notify = func(string, int, uint64) {}
	}
	if c.Observer == nil {
		c.Observer = noObserver{}
	}
	if c.Tracer == nil {
		c.Tracer = noop.NewTracerProvider().Tracer("")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Projector runs all projections. Run does the work; the other methods are safe at any time.
type Projector struct {
	cfg Config

	mu        sync.Mutex
	pipelines []*pipeline // the live one first; none while another node leads
	cancel    context.CancelFunc
	done      chan struct{} // closed when Run has returned; nil before
	stopped   bool
	stop      *StoppedError // nil while this node's projections run
}

// NewProjector checks the configuration; it does nothing yet.
func NewProjector(cfg Config) (*Projector, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("projections: %w", err)
	}
	return &Projector{cfg: cfg.withDefaults()}, nil
}

// Run projects, whenever this node holds the lease, until ctx ends or Stop is called, which is no error, or until
// the views do not fit this program (a deployment fault). Before an event that this program cannot read it keeps what the
// views have, gives the lease away and tries again after StopPause (Stopped). Stores and feeds that are away are waited
// for. It is called once.
func (p *Projector) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p.mu.Lock()
	if p.done != nil || p.stopped {
		p.mu.Unlock()
		return errors.New("projections: a projector runs once")
	}
	p.cancel, p.done = cancel, make(chan struct{})
	done := p.done
	p.mu.Unlock()
	defer close(done)
	err := p.compete(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Stop ends Run and waits for it: nothing commits after Stop has returned.
func (p *Projector) Stop() {
	p.mu.Lock()
	p.stopped = true
	cancel, done := p.cancel, p.done
	p.mu.Unlock()
	if done == nil {
		return
	}
	cancel()
	<-done
}

// Leading tells whether this node runs the projections now.
func (p *Projector) Leading() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pipelines) > 0
}

// CaughtUp tells whether this node runs the projections, the live views include all history and the last commit
// succeeded.
func (p *Projector) CaughtUp() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pipelines) > 0 && p.pipelines[0].caughtUp()
}

// ViewStatus is where a version of a view stands.
type ViewStatus struct {
	Name       string
	Version    int
	Live       bool // false while it is being built
	Checkpoint uint64
	Parked     int
}

// Status lists what this node projects. Empty while another node leads.
func (p *Projector) Status() []ViewStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []ViewStatus
	for i, pl := range p.pipelines {
		out = append(out, pl.status(i == 0)...)
	}
	return out
}

// retry repeats what a store that is away makes fail, until it succeeds or ctx ends. A fenced-off projector and
// faulty declarations do not get better by waiting.
func retry(ctx context.Context, cfg Config, what string, do func() error) error {
	for delay := 20 * time.Millisecond; ; delay = min(2*delay, 2*time.Second) {
		err := do()
		if err == nil || final(err) {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		cfg.Logger.Warn("read store: will try again", "task", what, "error", err, "retry", delay)
		cfg.Observer.Failed(what, err)
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func final(err error) bool {
	return errors.Is(err, readmodels.ErrFenced) || errors.Is(err, readmodels.ErrQuery) ||
		errors.Is(err, readmodels.ErrNoIndex) || errors.Is(err, readmodels.ErrNoView) || errors.Is(err, errOtherLog) || asStopped(err) != nil
}
