// Package bench measures an event store through the official client: appends at several degrees of concurrency,
// reads and subscriptions. It works against any endpoint, so that this server and a cluster can be compared under
// the same load. It is a benchmark, not a test: nothing in it depends on how fast it is.
package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// Config says what to measure. The zero value of each field has a default.
type Config struct {
	// Callers are the degrees of concurrency of appends. Default 1, 8, 32, 128.
	Callers []int
	// Duration is how long each degree is measured. Default 5 s.
	Duration time.Duration
	// Payload is the size of an event's data in bytes. Default 256.
	Payload int
	// Events is how many events are read and subscribed to. Default 50,000.
	Events int
}

func (c Config) withDefaults() Config {
	if len(c.Callers) == 0 {
		c.Callers = []int{1, 8, 32, 128}
	}
	if c.Duration <= 0 {
		c.Duration = 5 * time.Second
	}
	if c.Payload <= 0 {
		c.Payload = 256
	}
	if c.Events <= 0 {
		c.Events = 50_000
	}
	return c
}

// Append is the result for one degree of concurrency.
type Append struct {
	Callers   int           `json:"callers"`
	Appends   int           `json:"appends"`
	PerSecond float64       `json:"perSecond"`
	P50       time.Duration `json:"p50"`
	P99       time.Duration `json:"p99"`
}

// Result is everything measured.
type Result struct {
	Appends            []Append `json:"appends"`
	ReadPerSecond      float64  `json:"readPerSecond"`
	ReadAllPerSecond   float64  `json:"readAllPerSecond"`
	SubscribePerSecond float64  `json:"subscribePerSecond"`
}

// Run measures the event store that a client configuration names. It writes to streams of its own, named bench-….
func Run(ctx context.Context, conf *esdb.Configuration, cfg Config) (Result, error) {
	cfg = cfg.withDefaults()
	c, err := esdb.NewClient(conf)
	if err != nil {
		return Result{}, err
	}
	b := &bench{Config: cfg, client: c, run: uuid.NewString()}
	out, err := b.measure(ctx)
	return out, errors.Join(err, c.Close())
}

type bench struct {
	Config
	client *esdb.Client
	run    string
}

func (b *bench) measure(ctx context.Context) (out Result, err error) {
	for _, n := range b.Callers {
		a, err := b.appends(ctx, n)
		if err != nil {
			return out, fmt.Errorf("append with %d callers: %w", n, err)
		}
		out.Appends = append(out.Appends, a)
	}
	stream := "bench-" + b.run
	if err := b.fill(ctx, stream); err != nil {
		return out, fmt.Errorf("fill: %w", err)
	}
	if out.ReadPerSecond, err = b.rate(func() (*esdb.ReadStream, error) {
		return b.client.ReadStream(ctx, stream, esdb.ReadStreamOptions{}, uint64(b.Events)) // #nosec G115 -- a benchmark's own numbers
	}); err != nil {
		return out, fmt.Errorf("read: %w", err)
	}
	if out.ReadAllPerSecond, err = b.rate(func() (*esdb.ReadStream, error) {
		return b.client.ReadAll(ctx, esdb.ReadAllOptions{From: esdb.Start{}}, uint64(b.Events)) // #nosec G115 -- a benchmark's own numbers
	}); err != nil {
		return out, fmt.Errorf("read all: %w", err)
	}
	out.SubscribePerSecond, err = b.subscribe(ctx, stream)
	if err != nil {
		return out, fmt.Errorf("subscribe: %w", err)
	}
	return out, nil
}

func (b *bench) event() esdb.EventData {
	return esdb.EventData{
		EventID: uuid.New(), EventType: "Measured", ContentType: esdb.ContentTypeBinary, Data: make([]byte, b.Payload),
	}
}

// appends lets n callers append one event at a time, each to streams of ten events, as commands do.
func (b *bench) appends(ctx context.Context, n int) (Append, error) {
	times := make([][]time.Duration, n)
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	end := began.Add(b.Duration)
	for i := range n {
		group.Go(func() error {
			for k := 0; time.Now().Before(end); k++ {
				stream := fmt.Sprintf("bench-%s-%d-%d-%d", b.run, n, i, k/10)
				expected := esdb.ExpectedRevision(esdb.NoStream{})
				if k%10 > 0 {
					expected = esdb.Revision(uint64(k%10 - 1)) // #nosec G115 -- a benchmark's own numbers
				}
				t := time.Now()
				_, err := b.client.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{ExpectedRevision: expected}, b.event())
				if err != nil {
					return err
				}
				times[i] = append(times[i], time.Since(t))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return Append{}, err
	}
	took := time.Since(began)
	all := slices.Concat(times...)
	slices.Sort(all)
	return Append{
		Callers: n, Appends: len(all), PerSecond: float64(len(all)) / took.Seconds(),
		P50: all[len(all)/2], P99: all[len(all)*99/100],
	}, nil
}

func (b *bench) fill(ctx context.Context, stream string) error {
	for left := b.Events; left > 0; {
		n := min(left, max(1, 500_000/(b.Payload+100)))
		batch := make([]esdb.EventData, n)
		for i := range batch {
			batch[i] = b.event()
		}
		if _, err := b.client.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, batch...); err != nil {
			return err
		}
		left -= n
	}
	return nil
}

func (b *bench) rate(open func() (*esdb.ReadStream, error)) (float64, error) {
	began := time.Now()
	rs, err := open()
	if err != nil {
		return 0, err
	}
	defer rs.Close()
	n := 0
	for {
		_, err := rs.Recv()
		if errors.Is(err, io.EOF) {
			return float64(n) / time.Since(began).Seconds(), nil
		}
		if err != nil {
			return 0, err
		}
		n++
	}
}

func (b *bench) subscribe(ctx context.Context, stream string) (float64, error) {
	began := time.Now()
	sub, err := b.client.SubscribeToStream(ctx, stream, esdb.SubscribeToStreamOptions{From: esdb.Start{}})
	if err != nil {
		return 0, err
	}
	defer func() { _ = sub.Close() }()
	for n := 0; n < b.Events; {
		switch e := sub.Recv(); {
		case e.SubscriptionDropped != nil:
			return 0, e.SubscriptionDropped.Error
		case e.EventAppeared != nil:
			n++
		}
	}
	return float64(b.Events) / time.Since(began).Seconds(), nil
}

// Print writes a result as a table and, after it, as one line of JSON.
func Print(w io.Writer, r Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "callers\tappends/s\tp50 ms\tp99 ms\t")
	for _, a := range r.Appends {
		fmt.Fprintf(t, "%d\t%.0f\t%.2f\t%.2f\t\n", a.Callers, a.PerSecond, ms(a.P50), ms(a.P99))
	}
	fmt.Fprintf(t, "\t\t\t\t\nread a stream\t%.0f events/s\t\t\t\n", math.Round(r.ReadPerSecond))
	fmt.Fprintf(t, "read $all\t%.0f events/s\t\t\t\nsubscribe\t%.0f events/s\t\t\t\n",
		math.Round(r.ReadAllPerSecond), math.Round(r.SubscribePerSecond))
	if err := t.Flush(); err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(r)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
