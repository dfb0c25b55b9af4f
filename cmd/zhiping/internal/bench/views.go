package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"zhiping/cmd/zhiping/internal/node"
	"zhiping/domain"
	"zhiping/infra/identity"
	"zhiping/projections"
	"zhiping/projections/folds"
)

// Views measures the read side: how fast all views are rebuilt from a long history and with how much memory,
// reads over HTTP beside it, and how far the views are behind under a load of commands. Everything runs in this
// process, on the stores that serve would use; the load generator too, so the figures are the worse for it.
type Views struct {
	Declarations int           `default:"20000" help:"Declarations in the history, fifteen events each."`
	Together     int           `default:"500" help:"People who fill in at the same time: how far a declaration's events lie apart."`
	Callers      int           `default:"64" help:"Concurrent callers of commands."`
	Readers      int           `default:"32" help:"Concurrent callers of reads. More wait longer for the same number a second."`
	Duration     time.Duration `default:"5s" help:"How long each figure is measured."`
	People       int           `default:"2000" help:"Signed-in people whose lists are read."`
	Rebuild      bool          `default:"true" negatable:"" help:"Build the views from nothing first, and measure it."`
	Views        []string      `placeholder:"NAME" help:"Build only these, to see what each of them costs; nothing else is measured then."`
	Data         string        `type:"path" help:"Folder to keep the history in, so that the next run finds it. Default: a temporary one."`
	Eventstore   string        `placeholder:"URL" help:"Connection string of an EventStoreDB. Default: the embedded one."`
	Readstore    string        `placeholder:"URL" help:"Connection string of an empty MongoDB database. Default: the embedded read store."`
}

// viewsResult is what a run found. Lag is from the answer to a command until a read that waits for it is answered.
type viewsResult struct {
	Declarations int      `json:"declarations"`
	Events       int      `json:"events"`
	RebuildPerS  float64  `json:"rebuiltEventsPerSecond"`
	RebuildMiB   int      `json:"rebuildPeakMiB"`
	RebuildCPU   float64  `json:"rebuildProcessorMicrosPerEvent"` // of both processors, the event store's part included
	Figures      []figure `json:"figures"`
}

// Run prints a table and a line of JSON.
func (c Views) Run(ctx context.Context, out io.Writer) (err error) {
	if c.Data == "" {
		if c.Data, err = os.MkdirTemp("", "zhiping-bench"); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(c.Data)) }()
	}
	serve := &node.Options{Addr: "127.0.0.1:0", Data: c.Data, Demo: true, Roles: "all", Eventstore: c.Eventstore, Readstore: c.Readstore}
	if c.Rebuild && c.Readstore == "" {
		for _, f := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(serve.DataPath("views.sqlite") + f); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("bench: %w", err)
			}
		}
	}
	if serve.Folds, err = c.folds(); err != nil {
		return err
	}
	n, err := node.Open(ctx, serve, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer n.Close()
	if err := n.SeedDemo(ctx); err != nil {
		return err
	}
	history := historyWriter{client: n.Events, declarations: c.Declarations, wave: c.Together, callers: 128}
	fmt.Fprintf(out, "history of %d declarations: writing what is missing\n", c.Declarations)
	if err := history.write(ctx); err != nil {
		return fmt.Errorf("bench: write the history: %w", err)
	}
	r := viewsResult{Declarations: c.Declarations, Events: c.Declarations * eventsPerDeclaration}
	if err := c.run(ctx, n, &r); err != nil {
		return err
	}
	return r.print(out)
}

// folds are those of the views that were asked for; nil for all.
func (c Views) folds() (some []projections.Fold, err error) {
	known := map[string]projections.Fold{}
	for _, f := range folds.All() {
		known[f.Spec().Name] = f
	}
	for _, name := range c.Views {
		if known[name] == nil {
			return nil, fmt.Errorf("bench: no view %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		some = append(some, known[name])
	}
	return some, nil
}

// run rebuilds the views, and measures on the node that goes on projecting.
func (c Views) run(ctx context.Context, n *node.Node, r *viewsResult) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	resetPeak()
	began, busy := time.Now(), processorTime()
	g.Go(func() error { return n.Projector.Run(ctx) })
	g.Go(func() error { return n.FollowGrants(ctx) })
	for !n.Projector.CaughtUp() {
		if err := ctx.Err(); err != nil {
			return errors.Join(err, g.Wait())
		}
		time.Sleep(time.Millisecond)
	}
	if c.Rebuild {
		r.RebuildPerS, r.RebuildMiB = float64(r.Events)/time.Since(began).Seconds(), peak()
		r.RebuildCPU = (processorTime() - busy).Seconds() * 1e6 / float64(r.Events)
	}
	if len(c.Views) > 0 {
		stop()
		return g.Wait()
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		stop()
		return errors.Join(fmt.Errorf("bench: %w", err), g.Wait())
	}
	g.Go(func() error { return n.API.Serve(ctx, listener) })
	g.Go(func() error {
		defer stop()
		figures, err := c.measureReads(ctx, n, "http://"+listener.Addr().String())
		r.Figures = figures
		return err
	})
	return g.Wait()
}

func (c Views) measureReads(ctx context.Context, n *node.Node, url string) ([]figure, error) {
	b := newClient(url, max(c.Callers, c.Readers)+8)
	defer b.http.CloseIdleConnections()
	auditor, err := b.signIn(ctx, "auditor")
	if err != nil {
		return nil, err
	}
	admin, err := b.signIn(ctx, "admin")
	if err != nil {
		return nil, err
	}
	people, err := c.signInPeople(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("bench: sign in: %w", err)
	}
	load := HTTP{Callers: c.Readers, Duration: c.Duration}
	read := func(path string) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			return b.do(ctx, "GET", "/declarations/"+declarationID(rand.IntN(c.Declarations)).String()+path, auditor, nil, "") // #nosec G404 -- a load, not a secret
		}
	}
	figures := []figure{
		load.measure(ctx, "reads (history lists of many people)", func(ctx context.Context) (string, error) {
			return b.do(ctx, "GET", "/declarations", people[rand.IntN(len(people))], nil, "") // #nosec G404 -- a load, not a secret
		}),
		load.measure(ctx, "reads (any timeline)", read("/timeline")),
		load.measure(ctx, "reads (any form)", read("")),
	}
	lag, err := c.measureLag(ctx, b, admin, auditor)
	return append(figures, lag...), err
}

// signInPeople gives sessions to people of the history, spread over all of it, as an OpenID provider's claims would.
func (c Views) signInPeople(ctx context.Context, n *node.Node) ([]string, error) {
	tokens := make([]string, min(c.People, c.Declarations/3))
	provider := node.ClaimRecorder{Executor: n.Executor, Identity: n.Identity}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.Callers)
	for i := range tokens {
		g.Go(func() error {
			e := identity.External{Issuer: historyIssuer, Subject: strconv.Itoa(i * (c.Declarations / 3 / len(tokens))),
				Name: "申报人", Roles: []domain.Role{domain.Applicant}}
			id, err := n.Identity.TakeUp(ctx, e)
			if err != nil {
				return err
			}
			if err := provider.Claimed(ctx, id, e.Claims(), "127.0.0.1"); err != nil {
				return err
			}
			s, err := n.Identity.SignInExternal(ctx, e, "127.0.0.1", "bench", nil)
			tokens[i] = s.AccessToken
			return err
		})
	}
	return tokens, g.Wait()
}

// measureLag loads the server with commands, and asks now and again for the last command's views.
func (c Views) measureLag(ctx context.Context, b *client, admin, auditor string) ([]figure, error) {
	var newest atomic.Uint64
	register := b.register(admin)
	out := make([]figure, 2)
	var g errgroup.Group
	g.Go(func() error {
		out[0] = HTTP{Callers: c.Callers, Duration: c.Duration}.measure(ctx, "commands (register a unit)", func(ctx context.Context) (string, error) {
			position, err := register(ctx)
			if p, perr := strconv.ParseUint(position, 10, 64); perr == nil {
				for was := newest.Load(); p > was && !newest.CompareAndSwap(was, p); was = newest.Load() {
				}
			}
			return position, err
		})
		return nil
	})
	g.Go(func() error {
		out[1] = HTTP{Callers: 4, Duration: c.Duration, Pause: 10 * time.Millisecond}.measure(ctx, "lag beside them (a read that waits)", func(ctx context.Context) (string, error) {
			return b.do(ctx, "GET", "/notices?limit=1", auditor, nil, strconv.FormatUint(newest.Load(), 10))
		})
		return nil
	})
	return out, g.Wait()
}

func (r viewsResult) print(out io.Writer) error {
	rows := figureRows(r.Figures)
	if r.RebuildPerS > 0 {
		name := fmt.Sprintf("rebuild, events (at most %d MiB, %.0f µs of processor time each)", r.RebuildMiB, r.RebuildCPU)
		rows = append([][]string{{name, "", fmt.Sprintf("%.0f", r.RebuildPerS), "", "", ""}}, rows...)
	}
	return report(out, figureHeader(fmt.Sprintf("%d declarations", r.Declarations)), rows, r)
}

// resetPeak forgets the highest resident memory so far, where the system can (Linux, proc(5)).
func resetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// processorTime is what this process has had of all processors; 0 where the system does not tell (proc(5): the
// fourteenth and fifteenth field, in hundredths of a second).
func processorTime() time.Duration {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// peak is the highest resident memory since resetPeak, in MiB; 0 where the system does not tell.
func peak() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib int
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0
	}
	return kib / 1024
}
