package node

import (
	"context"
	"log/slog"

	"zhiping/commands"
	"zhiping/infra/telemetry"
	"zhiping/projections"
)

func (n *Node) openTracing(ctx context.Context, _ *Options) (err error) {
	if n.tracing, err = telemetry.NewTracing(ctx, telemetry.TracingConfig{Service: "zhiping"}); err != nil {
		return err
	}
	n.OnClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), CloseTimeout)
		defer cancel()
		return n.tracing.Close(ctx)
	})
	return nil
}

// logCommand is the one line a command leaves in the log; payloads are never in it.
func (n *Node) logCommand(ctx context.Context, r commands.Report) {
	n.metrics.Command(ctx, r)
	level := slog.LevelDebug
	if r.Conflicts > 0 {
		level = slog.LevelInfo
	}
	n.Logger.Log(ctx, level, "command", "command", r.Command, "stream", r.Stream, "actor", r.Actor, "events", r.Events,
		"conflicts", r.Conflicts, "replayed", r.Replayed, "took", r.Duration, "error", r.Err)
}

// parkedObserver tells readers in this process at once that documents were parked or replayed.
type parkedObserver struct {
	projections.Observer
	changed func()
}

// Parked implements projections.Observer.
func (p parkedObserver) Parked(view string, version, count int) {
	p.Observer.Parked(view, version, count)
	p.changed()
}
