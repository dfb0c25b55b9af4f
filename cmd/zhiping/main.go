// Command zhiping is the whole program: `serve` runs the event store, the projections and the API in one process or
// against clusters; the other commands look after what it keeps. This package is the only one that wires parts
// together; it holds no rules of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"zhiping/cmd/zhiping/internal/bench"
	"zhiping/cmd/zhiping/internal/node"
	"zhiping/cmd/zhiping/internal/operate"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "zhiping:", err)
		os.Exit(1)
	}
}

// cli is the table of contents of the command line. Every flag is also an environment variable: ZHIPING_ and its
// name in capitals.
type cli struct {
	Serve       serveCmd            `cmd:"" help:"Serve the API. Without connection strings, everything runs embedded in this process."`
	Projections operate.Projections `cmd:"" help:"Look after the views: list, status, rebuild, parked documents."`
	Eventstore  operate.Eventstore  `cmd:"" help:"Look after the embedded event store by itself: serve, verify, backup."`
	Accounts    operate.Accounts    `cmd:"" help:"Look after accounts, beside a running server too: the first admin, and people who must be shut out."`
	Blobs       operate.Blobs       `cmd:"" help:"Look after the content of attachments."`
	Bench       benchCmd            `cmd:"" help:"Measure; prints a table and JSON."`
}

// benchCmd is `zhiping bench`.
type benchCmd struct {
	Eventstore bench.Eventstore `cmd:"" help:"Appends, reads and subscriptions of an event store."`
	HTTP       bench.HTTP       `cmd:"" name:"http" help:"Commands and view reads of a demo server over HTTP."`
	Views      bench.Views      `cmd:"" help:"Rebuilding all views from a long history, reads beside it, and lag."`
	Start      bench.Start      `cmd:"" help:"Start on a long history, of the event store and of serve."`
}

// serveCmd is `zhiping serve`.
type serveCmd struct {
	node.Options
}

// Run serves until the context ends.
func (c *serveCmd) Run(ctx context.Context, stdout io.Writer) error {
	return node.Run(ctx, &c.Options, stdout)
}

// run is main without the process: tests call it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var c cli
	exited := false
	parser, err := kong.New(&c,
		kong.Name("zhiping"),
		kong.Description("职评 — declaration and review of professional titles. Set any flag by the environment too: ZHIPING_ADDR for --addr."),
		kong.DefaultEnvars("ZHIPING"),
		kong.UsageOnError(),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { exited = true }), // --help prints and asks to exit
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.BindTo(stdout, (*io.Writer)(nil)),
	)
	if err != nil {
		return fmt.Errorf("command line: %w", err)
	}
	command, err := parser.Parse(args)
	if exited {
		return nil
	}
	if err != nil {
		return err
	}
	return command.Run()
}
