package operate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"zhiping/projections"
	"zhiping/projections/folds"
)

type projectionsRebuild struct {
	View string `arg:"" help:"The view, as list names it."`
}

// Run asks for the rebuild and takes part in it: this process leads unless a node does already.
func (p projectionsRebuild) Run(ctx context.Context, c *Projections, out io.Writer) error {
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
func (p projectionsReplay) Run(ctx context.Context, c *Projections, out io.Writer) error {
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
