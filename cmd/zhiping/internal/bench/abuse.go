package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Abuse is `zhiping bench abuse`: it starts this program as a demo server with little memory and few files, replays known
// attacks on it one after the other, and then draws variations of them until the time is over. A bystander uses the server
// all the while. It fails when the server ends, takes more memory than it may, or lets the bystander wait.
type Abuse struct {
	Duration time.Duration `default:"1m" help:"How long variations are drawn, after each attack was replayed once."`
	Seed     uint64        `help:"Seed of the variations, as an earlier run printed it. Default: drawn."`
	Memory   int           `default:"1024" placeholder:"MIB" help:"Resident memory that the server and its child processes may take together. It is killed beyond."`
	Files    int           `default:"512" help:"Files that the server may have open."`
	Wait     time.Duration `default:"1s" help:"The bystander's 99th percentile must be below this."`
	Only     []string      `placeholder:"NAME,…" help:"Only these attacks, e.g. C1,H3."`
	Log      string        `type:"path" placeholder:"FILE" help:"File for the server's log."`
}

// abuseResult is what one attack did, or all variations of it.
type abuseResult struct {
	Attack   string      `json:"attack"`
	Runs     int         `json:"runs"`
	Seconds  float64     `json:"seconds"`
	PeakMiB  int         `json:"peakMiB"`
	P50      float64     `json:"bystanderP50ms"`
	P99      float64     `json:"bystanderP99ms"`
	Failures int         `json:"bystanderFailures"`
	Answers  map[int]int `json:"answers"` // how often each status was answered to the attacker
	Faults   string      `json:"faults,omitempty"`
}

var errAbuse = errors.New("the server did not hold")

// Run prints a table and a line of JSON, and fails when an attack succeeded.
func (c Abuse) Run(ctx context.Context, out io.Writer) error {
	if c.Seed == 0 {
		c.Seed = rand.Uint64() // #nosec G404 -- a load, not a secret
	}
	fmt.Fprintf(out, "seed %d, %d MiB, %d files\n", c.Seed, c.Memory, c.Files)
	t, err := c.startTarget(ctx)
	if err != nil {
		return err
	}
	defer t.stop()
	if err := t.prepare(ctx); err != nil {
		return err
	}
	by := &bystander{}
	g, bctx := errgroup.WithContext(ctx)
	watched, stop := context.WithCancel(bctx)
	g.Go(func() error { by.run(watched, t); return nil })
	results := c.attack(ctx, t, by)
	stop()
	if err := g.Wait(); err != nil {
		return err
	}
	return c.print(out, results)
}

// attack replays every attack once and then draws variations until the time is over. A server that ended is started again.
func (c Abuse) attack(ctx context.Context, t *target, by *bystander) []abuseResult {
	draw := rand.New(rand.NewPCG(c.Seed, 1)) // #nosec G404 -- a load, not a secret
	chosen := slices.DeleteFunc(abuses(), func(a abuse) bool { return len(c.Only) > 0 && !slices.Contains(c.Only, a.name) })
	results := make([]abuseResult, len(chosen))
	var lost error
	one := func(i int) {
		a := chosen[i]
		results[i].Attack = a.name + " " + a.what
		began := by.mark()
		t.resetPeak()
		start := time.Now()
		attacking, cancel := context.WithTimeout(ctx, time.Minute)
		err := a.run(attacking, t, rand.New(rand.NewPCG(draw.Uint64(), 2))) // #nosec G404 -- as above
		cancel()
		if t.ended() {
			err = errors.Join(err, fmt.Errorf("the server ended: %w", t.process.err))
		}
		results[i].add(time.Since(start), t.peak(), by.since(began), err)
		results[i].answered(t.taken())
		if t.ended() && ctx.Err() == nil {
			lost = t.launch(ctx) // so that the other attacks are tried, too
		}
	}
	for i := range chosen {
		if lost == nil && ctx.Err() == nil {
			one(i)
		}
	}
	for end := time.Now().Add(c.Duration); len(chosen) > 0 && time.Now().Before(end) && lost == nil && ctx.Err() == nil; {
		one(draw.IntN(len(chosen)))
	}
	return results
}

func (r *abuseResult) answered(statuses map[int]int) {
	if r.Answers == nil {
		r.Answers = map[int]int{}
	}
	for status, n := range statuses {
		r.Answers[status] += n
	}
}

// add takes in one more run. The percentiles are the worst of all runs.
func (r *abuseResult) add(took time.Duration, peak int, waits []wait, err error) {
	r.Runs++
	r.Seconds += took.Seconds()
	r.PeakMiB = max(r.PeakMiB, peak)
	if err != nil && r.Faults == "" {
		r.Faults = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	times := make([]time.Duration, 0, len(waits))
	for _, w := range waits {
		times = append(times, w.took)
		if w.failed {
			r.Failures++
		}
	}
	slices.Sort(times)
	if n := len(times); n > 0 {
		r.P50, r.P99 = max(r.P50, times[n/2].Seconds()*1000), max(r.P99, times[n*99/100].Seconds()*1000)
	}
}

func (c Abuse) print(out io.Writer, results []abuseResult) error {
	rows := make([][]string, len(results))
	bad := 0
	for i, r := range results {
		if r.PeakMiB > c.Memory {
			r.Faults += fmt.Sprintf(" memory over %d MiB", c.Memory)
		}
		if r.P99 > float64(c.Wait.Milliseconds()) || r.Failures > 0 {
			r.Faults += " the bystander was kept waiting"
		}
		if r.Faults != "" || r.Runs == 0 {
			bad++
		}
		results[i] = r
		rows[i] = []string{r.Attack, fmt.Sprint(r.Runs), fmt.Sprintf("%.1f", r.Seconds), fmt.Sprint(r.PeakMiB), fmt.Sprintf("%.1f", r.P50),
			fmt.Sprintf("%.1f", r.P99), fmt.Sprint(r.Failures), strings.TrimPrefix(fmt.Sprint(r.Answers), "map"), r.Faults}
	}
	err := report(out, []string{"attack", "runs", "seconds", "peak MiB", "p50 ms", "p99 ms", "failures", "answers", "faults"}, rows, results)
	if bad > 0 {
		return errors.Join(err, fmt.Errorf("%w: %d of %d attacks", errAbuse, bad, len(results)))
	}
	return err
}

// bystander reads and writes as anybody would, over one connection, and notes how long each answer takes.
type bystander struct {
	mu    sync.Mutex
	waits []wait
}

type wait struct {
	took   time.Duration
	failed bool
}

func (b *bystander) run(ctx context.Context, t *target) {
	one := t.person("applicant")
	one.quiet = true
	defer one.http.CloseIdleConnections()
	for i := 0; ctx.Err() == nil; i++ {
		path := []string{"/me", "/declarations", "/notices?limit=5"}[i%3]
		start := time.Now()
		status, _, err := one.do(ctx, "GET", path, nil)
		if ctx.Err() != nil {
			return
		}
		b.mu.Lock()
		b.waits = append(b.waits, wait{time.Since(start), err != nil || status >= 500 || status == 429})
		b.mu.Unlock()
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func (b *bystander) mark() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waits)
}

func (b *bystander) since(mark int) []wait {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.waits[mark:])
}

// openLog is where the server's log goes.
func (c Abuse) openLog() (*os.File, error) {
	if c.Log == "" {
		return os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	}
	return os.Create(c.Log)
}
