package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"zhiping/commands"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/http"
	"zhiping/infra/blobs"
	"zhiping/infra/esdbserver"
	"zhiping/infra/eventstore"
	"zhiping/infra/identity"
	"zhiping/infra/identity/openid"
	"zhiping/infra/limits"
	"zhiping/infra/telemetry"
	"zhiping/projections"
	"zhiping/projections/folds"
	"zhiping/readmodels"
	"zhiping/readmodels/mongo"
	"zhiping/readmodels/sqlite"
	"zhiping/readmodels/views"
)

// node is everything that one process runs, wired together.
type node struct {
	logger    *slog.Logger
	roles     string
	notifies  bool
	metrics   *telemetry.Metrics
	tracing   *telemetry.Tracing
	clock     func() time.Time
	catalog   *catalog.Catalog
	events    *eventstore.Client
	store     readmodels.Store
	reader    *readmodels.LiveReader
	tracker   *readmodels.Tracker
	parked    *projections.ParkedIndex
	projector *projections.Projector
	executor  *commands.Executor
	identity  *identity.Provider
	openid    *openid.Client // nil where people sign in with passwords
	blobs     *blobs.Store
	exchange  *limits.Exchange // of counts with other nodes; nil where they share no database
	api       *http.Server

	// closers are called last to first.
	closers []func() error
}

// openNode opens every part in the order in which they need each other; what was opened is closed again when a
// later one fails.
func openNode(ctx context.Context, c *serveCmd, logger *slog.Logger) (_ *node, err error) {
	n := &node{logger: logger, clock: c.now, roles: c.Roles, notifies: c.Notifications, metrics: telemetry.NewMetrics()}
	defer func() {
		if err != nil {
			n.close()
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
	for _, open := range []func(context.Context, *serveCmd) error{
		n.openTracing, n.openEvents, n.openViews, n.openIdentity, n.openExecutor, n.openOpenID, n.openBlobs, n.openAPI,
	} {
		if err := open(ctx, c); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// later registers what close has to do.
func (n *node) later(f func() error) { n.closers = append(n.closers, f) }

// close ends every part, the last opened first. What fails is logged: there is nobody left to tell.
func (n *node) close() {
	for i := len(n.closers) - 1; i >= 0; i-- {
		if err := n.closers[i](); err != nil {
			n.logger.Error("close", "error", err)
		}
	}
	n.closers = nil
}

// closing bounds how long a part may take to end.
const closing = 20 * time.Second

func (n *node) openEvents(ctx context.Context, c *serveCmd) error {
	cfg := eventstore.Config{ConnectionString: c.Eventstore, Logger: n.logger}
	if n.metrics != nil { // a node that serves, unlike one that looks after the views
		cfg.Observe, cfg.Tracer = n.metrics.EventStore(), n.tracing.Tracer("eventstore")
	}
	if c.Eventstore == "" {
		dir := c.below("events")
		server, err := esdbserver.Open(ctx, esdbserver.Config{Path: dir, Socket: c.below("events", "eventstore.sock"), Logger: n.logger})
		if errors.Is(err, esdbserver.ErrLocked) {
			return fmt.Errorf("another process is using the event store in %s: %w", dir, err)
		}
		if err != nil {
			return err
		}
		n.later(func() error {
			ctx, cancel := context.WithTimeout(context.Background(), closing)
			defer cancel()
			return server.Close(ctx)
		})
		cfg.Address = server.Endpoint()
	}
	codec, err := eventstore.NewCodec(commands.EventTypes()...)
	if err != nil {
		return err
	}
	if n.events, err = eventstore.Open(cfg, codec); err != nil {
		return err
	}
	n.later(func() error { n.events.Close(); return nil })
	return nil
}

func (n *node) openViews(ctx context.Context, c *serveCmd) error {
	store, err := openReadStore(ctx, c, n.logger)
	if err != nil {
		return err
	}
	n.store = store
	n.later(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), closing)
		defer cancel()
		return store.Close(ctx)
	})
	n.reader = readmodels.NewLiveReader(store, 0)
	if c.folds == nil {
		c.folds = folds.All()
	}
	n.tracker = readmodels.NewTracker(n.reader, projections.Specs(c.folds)...)
	n.parked = projections.NewParkedIndex(n.reader, n.clock)
	n.projector, err = projections.NewProjector(projections.Config{
		Feed: eventstore.NewFeed(n.events, "projector"), Store: store, Folds: c.folds,
		Notify: n.tracker.Notify, Swapped: n.reader.Forget, Owner: owner(c), Logger: n.logger,
		Observer: parking{n.metrics.Projector(), n.parked.Changed}, Tracer: n.tracing.Tracer("projector"),
		Middlewares: []message.HandlerMiddleware{n.metrics.Middleware}, SpoolDir: c.Data,
	})
	return err
}

// owner names this node for leases: the host, and below it the process, so that two on one host differ. The embedded
// read store belongs to one process at a time, so there a process is its predecessor's heir, and need not wait until
// the lease of one that was killed runs out.
func owner(c *serveCmd) string {
	if c.Readstore == "" {
		return "embedded"
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s-%d", host, os.Getpid())
}

// openReadStore picks the adapter by the connection string; the path of a MongoDB URL names the database.
func openReadStore(_ context.Context, c *serveCmd, logger *slog.Logger) (readmodels.Store, error) {
	if c.Readstore != "" {
		database, err := databaseOf(c.Readstore)
		if err != nil {
			return nil, err
		}
		return mongo.New(mongo.Config{URI: c.Readstore, Database: database})
	}
	return sqlite.New(sqlite.Config{Path: c.below("views.sqlite"), Logger: logger})
}

// databaseOf is the database that a MongoDB connection string names.
func databaseOf(readstore string) (string, error) {
	u, err := url.Parse(readstore)
	if err != nil || !strings.HasPrefix(u.Scheme, "mongodb") {
		return "", errors.New("--readstore: not a MongoDB connection string")
	}
	return cmp.Or(strings.Trim(u.Path, "/"), "zhiping"), nil
}

func (n *node) openExecutor(context.Context, *serveCmd) (err error) {
	n.executor, err = commands.New(commands.Config{
		Store: n.events,
		Index: views.Index{Reader: n.reader, Wait: n.catchUp}, People: directory{n.identity},
		Definition: n.catalog.Definition,
		Compile:    func(d catalog.Definition) (declaration.Checker, error) { return catalog.Compile(d) },
		Clock:      n.clock,
		NewID:      uuid.New, Observe: n.logCommand,
		Tracer: n.tracing.Tracer("commands"),
	})
	return err
}

// catchUp waits until the views include everything that the event store holds now.
func (n *node) catchUp(ctx context.Context) error {
	head, err := n.events.Head(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := n.tracker.Wait(ctx, head); err != nil {
		return http.ErrReadModelBehind
	}
	return nil
}
