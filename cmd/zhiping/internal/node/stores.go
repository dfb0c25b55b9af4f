package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"

	"zhiping/commands"
	"zhiping/infra/blobs"
	"zhiping/infra/clamd"
	"zhiping/infra/esdbserver"
	"zhiping/infra/eventstore"
	"zhiping/projections"
	"zhiping/projections/folds"
	"zhiping/readmodels"
	"zhiping/readmodels/mongo"
	"zhiping/readmodels/sqlite"
)

func (n *Node) OpenBlobs(ctx context.Context, c *Options) error {
	url, err := c.blobsURL()
	if err != nil {
		return err
	}
	config := blobs.Config{URL: url, ScanRequired: c.ClamdRequired, Logger: n.Logger}
	if c.Clamd != "" {
		if config.Scanner, err = clamd.New(c.Clamd); err != nil {
			return fmt.Errorf("--clamd: %w", err)
		}
	}
	if n.Blobs, err = blobs.Open(ctx, config); err != nil {
		return err
	}
	n.OnClose(n.Blobs.Close)
	return nil
}

// OpenEventsShared opens the event store, by way of the server that has the embedded one open where one runs.
func (n *Node) OpenEventsShared(ctx context.Context, c *Options) error {
	err := n.OpenEvents(ctx, c)
	if !errors.Is(err, esdbserver.ErrLocked) {
		return err
	}
	codec, err := eventstore.NewCodec(commands.EventTypes()...)
	if err != nil {
		return err
	}
	endpoint, err := esdbserver.EndpointOf(c.DataPath("events", "eventstore.sock"))
	if err != nil {
		return err
	}
	if n.Events, err = eventstore.Open(eventstore.Config{Address: endpoint, Logger: n.Logger}, codec); err != nil {
		return err
	}
	n.OnClose(func() error { n.Events.Close(); return nil })
	return nil
}

func (n *Node) OpenEvents(ctx context.Context, c *Options) error {
	cfg := eventstore.Config{ConnectionString: c.Eventstore, Logger: n.Logger}
	if n.metrics != nil { // a node that serves, unlike one that looks after the views
		cfg.Observe, cfg.Tracer = n.metrics.EventStore(), n.tracing.Tracer("eventstore")
	}
	if c.Eventstore == "" {
		dir := c.DataPath("events")
		server, err := esdbserver.Open(ctx, esdbserver.Config{Path: dir, Socket: c.DataPath("events", "eventstore.sock"), Logger: n.Logger})
		if errors.Is(err, esdbserver.ErrLocked) {
			return fmt.Errorf("another process is using the event store in %s: %w", dir, err)
		}
		if err != nil {
			return err
		}
		n.OnClose(func() error {
			ctx, cancel := context.WithTimeout(context.Background(), CloseTimeout)
			defer cancel()
			return server.Close(ctx)
		})
		cfg.Address = server.Endpoint()
	}
	codec, err := eventstore.NewCodec(commands.EventTypes()...)
	if err != nil {
		return err
	}
	if n.Events, err = eventstore.Open(cfg, codec); err != nil {
		return err
	}
	n.OnClose(func() error { n.Events.Close(); return nil })
	return nil
}

func (n *Node) openViews(ctx context.Context, c *Options) error {
	store, err := OpenReadStore(ctx, c, n.Logger)
	if err != nil {
		return err
	}
	n.store = store
	n.OnClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), CloseTimeout)
		defer cancel()
		return store.Close(ctx)
	})
	n.reader = readmodels.NewLiveReader(store, 0)
	if c.Folds == nil {
		c.Folds = folds.All()
	}
	n.tracker = readmodels.NewTracker(n.reader, projections.Specs(c.Folds)...)
	n.parked = projections.NewParkedIndex(n.reader, n.Clock)
	feed := eventstore.NewFeed(n.Events, "projector")
	n.Projector, err = projections.NewProjector(projections.Config{
		Feed: feed, Log: feed, Store: store, Folds: c.Folds,
		Notify: n.tracker.Notify, Swapped: n.reader.Forget, Owner: Owner(c), Logger: n.Logger,
		Observer: parkedObserver{n.metrics.Projector(), n.parked.Changed}, Tracer: n.tracing.Tracer("projector"),
		Middlewares: []message.HandlerMiddleware{n.metrics.Middleware}, SpoolDir: c.Data,
	})
	return err
}

// Owner names this node for leases: the host, and below it the process, so that two on one host differ. The embedded
// read store belongs to one process at a time, so there a process is its predecessor's heir, and need not wait until
// the lease of one that was killed runs out.
func Owner(c *Options) string {
	if c.Readstore == "" {
		return "embedded"
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s-%d", host, os.Getpid())
}

// OpenReadStore picks the adapter by the connection string; the path of a MongoDB URL names the database.
func OpenReadStore(_ context.Context, c *Options, logger *slog.Logger) (readmodels.Store, error) {
	if c.Readstore != "" {
		database, err := databaseOf(c.Readstore)
		if err != nil {
			return nil, err
		}
		return mongo.New(mongo.Config{URI: c.Readstore, Database: database})
	}
	return sqlite.New(sqlite.Config{Path: c.DataPath("views.sqlite"), Logger: logger})
}

// databaseOf is the database that a MongoDB connection string names.
func databaseOf(readstore string) (string, error) {
	u, err := url.Parse(readstore)
	if err != nil || !strings.HasPrefix(u.Scheme, "mongodb") {
		return "", errors.New("--readstore: not a MongoDB connection string")
	}
	return cmp.Or(strings.Trim(u.Path, "/"), "zhiping"), nil
}

// blobsURL is the bucket of the attachments.
func (c *Options) blobsURL() (string, error) {
	if c.Blobs != "" {
		return c.Blobs, nil
	}
	dir, err := filepath.Abs(c.DataPath("blobs"))
	if err != nil {
		return "", fmt.Errorf("--data: %w", err)
	}
	return "file://" + strings.ReplaceAll(filepath.ToSlash(dir), " ", "%20") + "?create_dir=true&no_tmp_dir=true", nil
}
