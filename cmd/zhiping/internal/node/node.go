// Package node wires the parts of one process together: event store, views, sign-in, commands and the HTTP API, as its
// Options say. It holds no rules and no commands of the command line.
package node

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"

	"zhiping/cmd/zhiping/internal/demo"
	"zhiping/commands"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/http"
	"zhiping/infra/blobs"
	"zhiping/infra/eventstore"
	"zhiping/infra/identity"
	"zhiping/infra/identity/openid"
	"zhiping/infra/limits"
	"zhiping/infra/telemetry"
	"zhiping/projections"
	"zhiping/readmodels"
	"zhiping/readmodels/views"
)

// Node is everything that one process runs, wired together.
type Node struct {
	Logger    *slog.Logger
	roles     string
	notifies  bool
	metrics   *telemetry.Metrics
	tracing   *telemetry.Tracing
	Clock     func() time.Time
	catalog   *catalog.Catalog
	Events    *eventstore.Client
	store     readmodels.Store
	reader    *readmodels.LiveReader
	tracker   *readmodels.Tracker
	parked    *projections.ParkedIndex
	Projector *projections.Projector
	Executor  *commands.Executor
	Identity  *identity.Provider
	openid    *openid.Client // nil where people sign in with passwords
	Blobs     *blobs.Store
	exchange  *limits.Exchange // of counts with other nodes; nil where they share no database
	API       *http.Server

	// closers are called last to first.
	closers []func() error
}

// New is a node without any part, for commands that open only those that they need.
func New(logger *slog.Logger) *Node { return &Node{Logger: logger, Clock: time.Now} }

// Open opens every part in the order in which they need each other; what was opened is closed again when a
// later one fails.
func Open(ctx context.Context, c *Options, logger *slog.Logger) (_ *Node, err error) {
	n := &Node{Logger: logger, Clock: c.now, roles: c.Roles, notifies: c.Notifications, metrics: telemetry.NewMetrics()}
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	var overrides fs.FS
	if c.Catalog != "" {
		overrides = os.DirFS(c.Catalog)
	}
	if n.catalog, err = catalog.Load(overrides); err != nil {
		return nil, fmt.Errorf("--catalog %s: %w", c.Catalog, err)
	}
	for _, open := range []func(context.Context, *Options) error{
		n.openTracing, n.OpenEvents, n.openViews, n.openIdentity, n.openExecutor, n.openOpenID, n.OpenBlobs, n.openAPI,
	} {
		if err := open(ctx, c); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// OnClose registers what close has to do.
func (n *Node) OnClose(f func() error) { n.closers = append(n.closers, f) }

// Close ends every part, the last opened first. What fails is logged: there is nobody left to tell.
func (n *Node) Close() {
	for i := len(n.closers) - 1; i >= 0; i-- {
		if err := n.closers[i](); err != nil {
			n.Logger.Error("close", "error", err)
		}
	}
	n.closers = nil
}

// CloseTimeout bounds how long a part may take to end.
const CloseTimeout = 20 * time.Second

func (n *Node) openExecutor(context.Context, *Options) (err error) {
	n.Executor, err = commands.New(commands.Config{
		Store: n.Events,
		Index: views.Index{Reader: n.reader, Wait: n.catchUp}, People: Directory{Provider: n.Identity},
		Definition: n.catalog.Definition,
		Compile:    func(d catalog.Definition) (declaration.Checker, error) { return catalog.Compile(d) },
		Clock:      n.Clock,
		NewID:      uuid.New, Observe: n.logCommand,
		Tracer: n.tracing.Tracer("commands"),
	})
	return err
}

// catchUp waits until the views include everything that the event store holds now.
func (n *Node) catchUp(ctx context.Context) error {
	head, err := n.Events.Head(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := n.tracker.Wait(ctx, head); err != nil {
		return fmt.Errorf("%w: %w", readmodels.ErrBehind, err)
	}
	return nil
}

// SeedDemo creates the demo's data in an empty event store.
func (n *Node) SeedDemo(ctx context.Context) error {
	return demo.Seeder{Events: n.Events, Executor: n.Executor, Identity: n.Identity, Catalog: n.catalog, Clock: n.Clock, Logger: n.Logger, WaitApplied: n.WaitApplied}.Seed(ctx)
}
