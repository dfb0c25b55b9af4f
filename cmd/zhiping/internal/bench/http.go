package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"zhiping/cmd/zhiping/internal/node"
	"zhiping/domain/gb"
)

// HTTP measures a demo server over HTTP: commands from the request to the fsync, view reads, and how long a
// read waits for a command. Without --url it starts one of its own in a temporary folder, in the same process.
type HTTP struct {
	URL      string        `help:"Address of a running demo server, which must run with --limit-addresses 0 and --limit-requests 0. Default: one of its own."`
	Callers  int           `default:"64" help:"Concurrent callers."`
	Duration time.Duration `default:"5s" help:"How long each figure is measured."`
	Pause    time.Duration `hidden:"" help:"Each caller's pause between two requests."`
}

// figure is one line of the table.
type figure struct {
	Name    string  `json:"name"`
	Callers int     `json:"callers"`
	PerSec  float64 `json:"perSecond"`
	P50     float64 `json:"p50ms"`
	P99     float64 `json:"p99ms"`
	Errors  int     `json:"errors"`
}

// Run prints a table and a line of JSON.
func (c HTTP) Run(ctx context.Context, out io.Writer) (err error) {
	if c.URL == "" {
		stop, url, err := ownServer(ctx)
		if err != nil {
			return err
		}
		defer stop()
		c.URL = url
	}
	b := newClient(c.URL, c.Callers)
	defer b.http.CloseIdleConnections()
	admin, err := b.signIn(ctx, "admin")
	if err != nil {
		return err
	}
	applicant, err := b.signIn(ctx, "applicant")
	if err != nil {
		return err
	}
	register := b.register(admin)
	figures := []figure{
		c.measure(ctx, "commands (register a unit)", register),
		c.measure(ctx, "reads (history list)", func(ctx context.Context) (string, error) {
			return b.do(ctx, "GET", "/declarations", applicant, nil, "")
		}),
		c.measure(ctx, "command, then a read that waits for it", func(ctx context.Context) (string, error) {
			position, err := register(ctx)
			if err != nil {
				return "", err
			}
			return b.do(ctx, "GET", "/declarations", applicant, nil, position)
		}),
	}
	return report(out, figureHeader("over HTTP"), figureRows(figures), figures)
}

// measure runs an operation from all callers at once until the time is over.
func (c HTTP) measure(ctx context.Context, name string, op func(context.Context) (string, error)) figure {
	ctx, cancel := context.WithTimeout(ctx, c.Duration)
	defer cancel()
	took := make([][]time.Duration, c.Callers)
	var failed atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for i := range c.Callers {
		wg.Go(func() {
			for ctx.Err() == nil {
				start := time.Now()
				if _, err := op(ctx); err != nil {
					if ctx.Err() == nil {
						failed.Add(1)
					}
					continue
				}
				took[i] = append(took[i], time.Since(start))
				if c.Pause > 0 {
					time.Sleep(c.Pause)
				}
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(began).Seconds()
	all := slices.Concat(took...)
	slices.Sort(all)
	f := figure{Name: name, Callers: c.Callers, PerSec: float64(len(all)) / elapsed, Errors: int(failed.Load())}
	if n := len(all); n > 0 {
		f.P50, f.P99 = all[n/2].Seconds()*1000, all[n*99/100].Seconds()*1000
	}
	return f
}

// creditCodes makes codes that fit, one after the other.
type creditCodes struct {
	mu   sync.Mutex
	last int64
}

func (c *creditCodes) next() string {
	c.mu.Lock()
	c.last++
	n := c.last
	c.mu.Unlock()
	stem := fmt.Sprintf("9122%013d", n%10_000_000_000_000)
	for _, last := range "0123456789ABCDEFGHJKLMNPQRTUWXY" {
		if _, fits := gb.CheckCreditCode(stem + string(last)); fits {
			return stem + string(last)
		}
	}
	return stem + "0"
}

// ownServer runs a demo in a temporary folder until stop is called.
func ownServer(ctx context.Context) (stop func(), url string, err error) {
	dir, err := os.MkdirTemp("", "zhiping-bench")
	if err != nil {
		return nil, "", fmt.Errorf("bench: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	address, done := make(chan string, 1), make(chan error, 1)
	serve := &node.Options{Addr: "127.0.0.1:0", Data: dir, Demo: true, Log: "error", Roles: "all", Listening: func(a string) { address <- a }}
	go func() { done <- node.Run(ctx, serve, io.Discard) }()
	stop = func() { cancel(); <-done; _ = os.RemoveAll(dir) }
	select {
	case a := <-address:
		return stop, "http://" + a, nil
	case err := <-done:
		cancel()
		return nil, "", errors.Join(err, os.RemoveAll(dir))
	}
}
