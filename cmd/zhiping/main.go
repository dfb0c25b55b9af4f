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
	"slices"
	"strings"
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

// cli is the table of contents of the command line.
type cli struct {
	Version kong.VersionFlag `help:"Print the version."`

	Serve       serveCmd            `cmd:"" help:"Serve the API. Without connection strings, everything runs embedded in this process."`
	Projections operate.Projections `cmd:"" help:"Look after the views: list, status, rebuild, parked documents."`
	Eventstore  operate.Eventstore  `cmd:"" help:"Look after the embedded event store by itself: serve, verify, backup."`
	Accounts    operate.Accounts    `cmd:"" help:"Look after accounts, beside a running server too: the first admin, and people who must be shut out."`
	Backup      operate.Backup      `cmd:"" help:"Copy everything that is kept in the data folder, beside a running server too."`
	Restore     operate.Restore     `cmd:"" help:"Make a data folder from a backup."`
	Blobs       operate.Blobs       `cmd:"" help:"Look after the content of attachments."`
	Bench       benchCmd            `cmd:"" help:"Measure; prints a table and JSON."`
}

// benchCmd is `zhiping bench`.
type benchCmd struct {
	Eventstore bench.Eventstore `cmd:"" help:"Appends, reads and subscriptions of an event store."`
	HTTP       bench.HTTP       `cmd:"" name:"http" help:"Commands and view reads of a demo server over HTTP."`
	Views      bench.Views      `cmd:"" help:"Rebuilding all views from a long history, reads beside it, and lag."`
	Abuse      bench.Abuse      `cmd:"" help:"Known attacks, and variations of them, on a demo server with little memory and few files."`
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

var errNoCommand = errors.New("no command; `zhiping --help` lists them, and `zhiping serve --demo` starts a demo")

// installation names the flags that mean the same to every command that has them: where an installation keeps its data.
var installation = []string{"data", "eventstore", "readstore", "blobs", "identity-postgres", "identity-key"}

// nameEnvironment gives flags their environment variables. A flag of serve is ZHIPING_ and its name, and so is a flag of an
// operator's command that says where the same installation keeps its data. Flags of other commands have none: a variable
// such as ZHIPING_TO or ZHIPING_FORCE would be mistaken.
func nameEnvironment(k *kong.Kong) error {
	for _, command := range k.Model.Children {
		switch command.Name {
		case "serve":
			nameFlags(command, func(string) bool { return true })
		case "accounts", "projections", "blobs", "backup":
			nameFlags(command, func(name string) bool { return slices.Contains(installation, name) })
		}
	}
	return nil
}

func nameFlags(n *kong.Node, has func(name string) bool) {
	for _, flag := range n.Flags {
		if flag.Name != "help" && has(flag.Name) {
			flag.Envs = []string{"ZHIPING_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))}
			flag.Tag.Envs = flag.Envs
		}
	}
	for _, child := range n.Children {
		nameFlags(child, has)
	}
}

// run is main without the process: tests call it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var c cli
	exited := false
	parser, err := kong.New(&c,
		kong.Name("zhiping"),
		kong.Description("职评 — declaration and review of professional titles. The help of serve names the environment variable of each flag."),
		kong.Vars{"version": node.Version()},
		kong.PostBuild(nameEnvironment),
		kong.UsageOnError(),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { exited = true }), // --help prints and asks to exit
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.BindTo(stdout, (*io.Writer)(nil)),
	)
	if err != nil {
		return fmt.Errorf("command line: %w", err)
	}
	if len(args) == 0 {
		return errNoCommand
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
