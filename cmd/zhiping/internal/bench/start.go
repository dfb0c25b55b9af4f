package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"zhiping/cmd/zhiping/internal/node"
	"zhiping/infra/esdbserver"
)

// Start measures how long a start takes on a long history: of the embedded event store by itself until it
// answers a client, and of serve, whose views have caught up before, until it says that it is ready. Both are started
// in this process; that of the process itself is not in the figures.
type Start struct {
	Declarations int    `default:"66667" help:"Declarations in the history, fifteen events each."`
	Times        int    `default:"5" help:"How often each start is measured."`
	Data         string `type:"path" help:"Folder to keep the history in, so that the next run finds it. Default: a temporary one."`
}

// startResult is one line of the table, in milliseconds.
type startResult struct {
	Name   string  `json:"name"`
	Median float64 `json:"medianMs"`
	Max    float64 `json:"maxMs"`
}

// Run prints a table and a line of JSON.
func (c Start) Run(ctx context.Context, out io.Writer) (err error) {
	if c.Data == "" {
		if c.Data, err = os.MkdirTemp("", "zhiping-bench"); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(c.Data)) }()
	}
	serve := node.Options{Data: c.Data, Addr: "127.0.0.1:0", Demo: true, Roles: "all", Log: "error"}
	fmt.Fprintf(out, "history of %d declarations: writing what is missing, and the views of it\n", c.Declarations)
	if err := c.write(ctx, serve); err != nil {
		return fmt.Errorf("bench: write the history: %w", err)
	}
	store, err := c.measure("event store, until it answers", func() (time.Duration, error) { return startEventstore(ctx, serve) })
	if err != nil {
		return err
	}
	ready, err := c.measure("serve, until it is ready", func() (time.Duration, error) { return startServe(ctx, serve) })
	if err != nil {
		return err
	}
	results := []startResult{store, ready}
	rows := make([][]string, len(results))
	for i, r := range results {
		rows[i] = []string{r.Name, fmt.Sprintf("%.0f", r.Median), fmt.Sprintf("%.0f", r.Max)}
	}
	return report(out, []string{fmt.Sprintf("start with %d events", c.Declarations*eventsPerDeclaration), "median ms", "max ms"}, rows, results)
}

// write completes the history, and lets the views and sign-in catch up with it.
func (c Start) write(ctx context.Context, serve node.Options) error {
	n, err := node.Open(ctx, &serve, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	err = n.SeedDemo(ctx)
	if err == nil {
		err = historyWriter{client: n.Events, declarations: c.Declarations, wave: 500, callers: 128}.write(ctx)
	}
	n.Close()
	if err != nil {
		return err
	}
	_, err = startServe(ctx, serve)
	return err
}

func (c Start) measure(name string, start func() (time.Duration, error)) (startResult, error) {
	took := make([]time.Duration, max(c.Times, 1))
	for i := range took {
		var err error
		if took[i], err = start(); err != nil {
			return startResult{}, fmt.Errorf("bench: %s: %w", name, err)
		}
	}
	slices.Sort(took)
	return startResult{name, took[len(took)/2].Seconds() * 1000, took[len(took)-1].Seconds() * 1000}, nil
}

// startEventstore opens the event store, reads its newest event through the client, and closes it.
func startEventstore(ctx context.Context, serve node.Options) (took time.Duration, err error) {
	began := time.Now()
	s, err := esdbserver.Open(ctx, esdbserver.Config{Path: serve.DataPath("events"), Socket: serve.DataPath("events", "eventstore.sock")})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close(context.WithoutCancel(ctx))) }()
	conf, err := esdb.ParseConnectionString(s.ConnectionString())
	if err != nil {
		return 0, err
	}
	conf.Address, conf.Logger = s.Endpoint(), esdb.NoopLogging()
	client, err := esdb.NewClient(conf)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	newest, err := client.ReadAll(ctx, esdb.ReadAllOptions{Direction: esdb.Backwards, From: esdb.End{}}, 1)
	if err != nil {
		return 0, err
	}
	defer newest.Close()
	_, err = newest.Recv()
	return time.Since(began), err
}

// startServe runs the server until it says that it is ready, and ends it.
func startServe(ctx context.Context, serve node.Options) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	address, done := make(chan string, 1), make(chan error, 1)
	serve.Listening = func(a string) { address <- a }
	began := time.Now()
	go func() { done <- node.Run(ctx, &serve, io.Discard) }()
	select {
	case err := <-done:
		return 0, err
	case a := <-address:
		for !isReady(ctx, a) {
			select {
			case err := <-done:
				return 0, err
			case <-time.After(time.Millisecond):
			}
		}
	}
	took := time.Since(began)
	cancel()
	return took, <-done
}

func isReady(ctx context.Context, address string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}
