package operate

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"

	"zhiping/cmd/zhiping/internal/node"
	"zhiping/infra/eventstore"
	"zhiping/projections"
	"zhiping/projections/folds"
	"zhiping/readmodels"
)

// Projections is `zhiping projections`. Beside a cluster it works while nodes serve; the embedded stores belong
// to one process at a time, so there it works while `zhiping serve` does not run.
type Projections struct {
	Data       string `default:"./data" type:"path" help:"Folder of everything that is kept locally."`
	Eventstore string `placeholder:"URL" help:"Connection string of an EventStoreDB. Default: the embedded event store."`
	Readstore  string `placeholder:"URL" help:"Connection string of a MongoDB. Default: the embedded read store."`

	List    projectionsList    `cmd:"" help:"List the projections, their versions and how many documents are parked."`
	Status  projectionsStatus  `cmd:"" help:"Tell how far every projection is."`
	Parked  projectionsParked  `cmd:"" help:"List the documents that stopped following their events, and why."`
	Rebuild projectionsRebuild `cmd:"" help:"Build a view anew beside the live one, and swap it in when it has caught up."`
	Replay  projectionsReplay  `cmd:"" name:"replay-parked" help:"Try the parked documents of a view again."`
}

// readSide is what these commands work on.
type readSide struct {
	store readmodels.Store
	feed  *eventstore.Feed
	owner string
	close func()
}

func (c *Projections) open(ctx context.Context) (_ *readSide, err error) {
	// Only faults are of interest here: the progress line is the output.
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	serve := &node.Options{Data: c.Data, Eventstore: c.Eventstore, Readstore: c.Readstore}
	n := node.New(logger)
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	if err := n.OpenEvents(ctx, serve); err != nil {
		return nil, err
	}
	store, err := node.OpenReadStore(ctx, serve, logger)
	if err != nil {
		return nil, err
	}
	n.OnClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), node.CloseTimeout)
		defer cancel()
		return store.Close(ctx)
	})
	return &readSide{store: store, feed: eventstore.NewFeed(n.Events, "projections"), owner: node.Owner(serve), close: n.Close}, nil
}

// with runs do on an opened read side.
func (c *Projections) with(ctx context.Context, do func(*readSide) error) error {
	r, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	return do(r)
}

type projectionsList struct{}

// Run prints one line a view and version.
func (projectionsList) Run(ctx context.Context, c *Projections, out io.Writer) error {
	return c.with(ctx, func(r *readSide) error {
		views, _, err := projections.Overview(ctx, r.store, r.feed, folds.All())
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "VIEW\tVERSION\tSTATE\tPARKED")
		for _, v := range views {
			fmt.Fprintf(w, "%s\t%d\t%s\t%d\n", v.Name, v.Version, state(v), v.Parked)
		}
		return w.Flush()
	})
}

func state(v projections.ViewStatus) string {
	if v.Live {
		return "live"
	}
	return "building"
}

type projectionsStatus struct{}

// Run prints how far every view is, in positions of the event store.
func (projectionsStatus) Run(ctx context.Context, c *Projections, out io.Writer) error {
	return c.with(ctx, func(r *readSide) error {
		views, head, err := projections.Overview(ctx, r.store, r.feed, folds.All())
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "VIEW\tVERSION\tSTATE\tPOSITION\tBEHIND\tDONE\tPARKED")
		for _, v := range views {
			fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%d\t%.1f%%\t%d\n",
				v.Name, v.Version, state(v), v.Checkpoint, head-min(head, v.Checkpoint), 100*done(v.Checkpoint, head), v.Parked)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		stops, err := projections.Stops(ctx, r.store)
		for _, s := range stops {
			fmt.Fprintf(out, "node %s stopped before %s at %s/%d, position %d: %s\n", s.Owner, s.Type, s.Stream, s.Revision, s.Position, s.Error)
		}
		return err
	})
}

func done(at, head uint64) float64 {
	if head == 0 || at >= head {
		return 1
	}
	return float64(at) / float64(head)
}

type projectionsParked struct {
	View string `arg:"" optional:"" help:"Only this view."`
}

// Run prints one line a document.
func (p projectionsParked) Run(ctx context.Context, c *Projections, out io.Writer) error {
	return c.with(ctx, func(r *readSide) error { return p.print(ctx, r, out) })
}

func (p projectionsParked) print(ctx context.Context, r *readSide, out io.Writer) error {
	views, _, err := projections.Overview(ctx, r.store, r.feed, folds.All())
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "VIEW\tVERSION\tDOCUMENT\tEVENT\tSTREAM\tERROR")
	for _, v := range views {
		if p.View != "" && p.View != v.Name {
			continue
		}
		parked, err := projections.ListParked(ctx, r.store, readmodels.Spec{Name: v.Name, Version: v.Version})
		if err != nil {
			return err
		}
		for _, d := range parked {
			reason, _, _ := strings.Cut(d.Error, "\n")
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s/%d\t%s\n", d.View, d.Version, d.ID, d.Type, d.Stream, d.Revision, reason)
		}
	}
	return w.Flush()
}
