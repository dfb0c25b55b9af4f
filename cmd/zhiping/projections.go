package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"zhiping/infra/eventstore"
	"zhiping/projections"
	"zhiping/projections/folds"
	"zhiping/readmodels"
)

// projectionsCmd is `zhiping projections`. Beside a cluster it works while nodes serve; the embedded stores belong
// to one process at a time, so there it works while `zhiping serve` does not run.
type projectionsCmd struct {
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

func (c *projectionsCmd) open(ctx context.Context) (_ *readSide, err error) {
	// Only faults are of interest here: the progress line is the output.
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	serve := &serveCmd{Data: c.Data, Eventstore: c.Eventstore, Readstore: c.Readstore}
	n := &node{logger: logger, clock: time.Now}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if err := n.openEvents(ctx, serve); err != nil {
		return nil, err
	}
	store, err := openReadStore(ctx, serve, logger)
	if err != nil {
		return nil, err
	}
	n.later(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), closing)
		defer cancel()
		return store.Close(ctx)
	})
	return &readSide{store: store, feed: eventstore.NewFeed(n.events, "projections"), owner: owner(serve), close: n.close}, nil
}

// with runs do on an opened read side.
func (c *projectionsCmd) with(ctx context.Context, do func(*readSide) error) error {
	r, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	return do(r)
}

type projectionsList struct{}

// Run prints one line a view and version.
func (projectionsList) Run(ctx context.Context, c *projectionsCmd, out io.Writer) error {
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
func (projectionsStatus) Run(ctx context.Context, c *projectionsCmd, out io.Writer) error {
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
		return w.Flush()
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
func (p projectionsParked) Run(ctx context.Context, c *projectionsCmd, out io.Writer) error {
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

type projectionsRebuild struct {
	View string `arg:"" help:"The view, as list names it."`
}

// Run asks for the rebuild and takes part in it: this process leads unless a node does already.
func (p projectionsRebuild) Run(ctx context.Context, c *projectionsCmd, out io.Writer) error {
	return c.with(ctx, func(r *readSide) error {
		want, err := projections.RequestRebuild(ctx, r.store, folds.All(), p.View)
		if err != nil {
			return err
		}
		began := time.Now()
		return r.until(ctx, func() (bool, error) {
			views, head, err := projections.Overview(ctx, r.store, r.feed, folds.All())
			if err != nil {
				return false, err
			}
			for _, v := range views {
				if v.Name != p.View || v.Version != want {
					continue
				}
				fmt.Fprint(out, "\r"+progress(v, head, time.Since(began)))
				if v.Live {
					fmt.Fprintf(out, "\n%s version %d is live\n", v.Name, v.Version)
					return true, nil
				}
			}
			return false, nil
		})
	})
}

// progress is a line such as [#####     ] 50.0%  41000/s  12s left.
func progress(v projections.ViewStatus, head uint64, took time.Duration) string {
	const width = 30
	part := done(v.Checkpoint, head)
	bar := strings.Repeat("#", int(part*width)) + strings.Repeat(" ", width-int(part*width))
	rate := float64(v.Checkpoint) / max(took.Seconds(), 0.001)
	left := time.Duration(0)
	if rate > 0 {
		left = time.Duration(float64(head-min(head, v.Checkpoint)) / rate * float64(time.Second)).Round(time.Second)
	}
	return fmt.Sprintf("%s [%s] %5.1f%%  %.0f/s  %s left   ", v.Name, bar, 100*part, rate, left)
}

type projectionsReplay struct {
	View string `arg:"" help:"The view, as list names it."`
}

// Run asks for the replay, waits for it and tells what is still parked.
func (p projectionsReplay) Run(ctx context.Context, c *projectionsCmd, out io.Writer) error {
	return c.with(ctx, func(r *readSide) error {
		if err := projections.RequestReplay(ctx, r.store, folds.All(), p.View); err != nil {
			return err
		}
		err := r.until(ctx, func() (bool, error) {
			pending, err := projections.ReplayPending(ctx, r.store, p.View)
			return !pending, err
		})
		if err != nil {
			return err
		}
		fmt.Fprintln(out, "replayed; still parked:")
		return projectionsParked(p).print(ctx, r, out)
	})
}

// errDone ends until.
var errDone = errors.New("done")

// until competes for the projections, so that the work is done even if no node is up, and looks again and again
// whether it is.
func (r *readSide) until(ctx context.Context, finished func() (bool, error)) error {
	p, err := projections.NewProjector(projections.Config{
		Feed: r.feed, Store: r.store, Folds: folds.All(), Owner: r.owner,
	})
	if err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.Run(gctx) })
	g.Go(func() error {
		for {
			ok, err := finished()
			if err != nil {
				return err
			}
			if ok {
				return errDone
			}
			select {
			case <-gctx.Done():
				return context.Cause(gctx)
			case <-time.After(200 * time.Millisecond):
			}
		}
	})
	if err := g.Wait(); !errors.Is(err, errDone) {
		return err
	}
	return nil
}
