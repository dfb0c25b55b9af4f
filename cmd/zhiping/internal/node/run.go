package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"

	"golang.org/x/sync/errgroup"

	"zhiping/http"
	"zhiping/infra/telemetry"
)

// Run serves until the context ends, then drains requests and projections.
func Run(ctx context.Context, c *Options, stdout io.Writer) error {
	logger, err := newLogger(c.Log, stdout)
	if err != nil {
		return err
	}
	w, err := c.transport()
	if err != nil {
		return err
	}
	// The address is taken first, because QR codes name it; whoever calls meanwhile waits in line.
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", c.Addr, err)
	}
	defer func() { _ = listener.Close() }()
	address := w.scheme() + listener.Addr().String()
	if c.Site = c.BaseURL; c.Site == "" && loopback(c.Addr) {
		c.Site = address
	}
	n, err := Open(ctx, c, logger)
	if err != nil {
		return err
	}
	defer n.Close()
	if c.Demo {
		err := n.RewindIdentity(ctx)
		if err == nil {
			err = n.SeedDemo(ctx)
		}
		if err != nil {
			return fmt.Errorf("seed the demo: %w", err)
		}
	}
	if c.Listening != nil {
		c.Listening(listener.Addr().String())
	}
	logger.Info("serving", "url", address, "version", Version(), "data", c.Data, "demo", c.Demo,
		"eventstore", storeName(c.Eventstore), "readstore", storeName(c.Readstore), "accounts", storeName(c.Identity.Postgres), "attachments", storeName(c.Blobs))
	return n.serve(ctx, w.wrap(listener))
}

// storeName is where a store is, without its credentials.
func storeName(connection string) string {
	if connection == "" {
		return "embedded"
	}
	u, err := url.Parse(connection)
	if err != nil || u.Host == "" {
		return "external"
	}
	return u.Scheme + "://" + u.Host
}

// serve runs the API and the projector, or the one that the node's role names. The API drains first, so that what it still answers can wait for views.
func (n *Node) serve(ctx context.Context, listener net.Listener) error {
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	g, gctx := errgroup.WithContext(background)
	g.Go(func() error {
		if n.roles == rolesAPI {
			return nil
		}
		err := n.Projector.Run(gctx)
		if errors.Is(err, context.Canceled) && background.Err() != nil {
			return nil //nolint:nilerr // the node is ending, which is no fault
		}
		if err != nil {
			return fmt.Errorf("projector: %w", err)
		}
		return nil
	})
	g.Go(func() error { return n.FollowGrants(gctx) })
	if n.exchange != nil {
		g.Go(func() error { n.exchange.Run(gctx); return nil })
	}
	g.Go(func() error { return n.RecordGrants(gctx) })
	g.Go(func() error {
		if n.roles == rolesAPI || !n.notifies {
			return nil
		}
		return n.runNotifications(gctx)
	})
	g.Go(func() error {
		defer stopBackground()
		serving, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(gctx, stop)() // a projector that gives up ends the API too
		if err := n.API.Serve(serving, listener); err != nil {
			return fmt.Errorf("serve HTTP: %w", err)
		}
		return nil
	})
	err := g.Wait()
	n.Logger.Info("stopped")
	return err
}

func newLogger(level string, w io.Writer) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log: %w", err)
	}
	return slog.New(telemetry.LogHandler(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l}), http.CorrelationID)), nil
}

// The roles of a node.
const (
	rolesAPI       = "api"
	rolesProjector = "projector"
)
