//go:build unix

package esdbserver_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/stretchr/testify/require"

	"zhiping/infra/esdbserver"
)

const childVar = "ESDBSERVER_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVar); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child is a server in a process of its own. A number on its standard input limits the size of the files that it
// may write from then on, which is how a disk fills up; the end of the input ends it.
func child(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	s, err := esdbserver.Open(context.Background(), esdbserver.Config{Path: dir, Socket: filepath.Join(dir, "es.sock")})
	if err != nil {
		return err
	}
	fmt.Println("ready", s.Endpoint())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		n, err := strconv.ParseUint(in.Text(), 10, 64)
		if err != nil {
			return err
		}
		limit := syscall.Rlimit{Cur: n, Max: math.MaxUint64}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
		fmt.Println("limited")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return s.Close(ctx)
}

// process is a running child.
type process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
	client *esdb.Client
	at     string // its endpoint
}

func spawn(t testing.TB, dir string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), childVar+"="+dir)
	p.cmd.Stderr = os.Stderr
	var err error
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	p.out = bufio.NewScanner(out)
	require.True(t, p.out.Scan(), "the child did not start")
	conf, err := esdb.ParseConnectionString("esdb://embedded?tls=false")
	require.NoError(t, err)
	p.at = strings.TrimPrefix(p.out.Text(), "ready ")
	conf.Address, conf.Logger = p.at, esdb.NoopLogging()
	p.client, err = esdb.NewClient(conf)
	require.NoError(t, err)
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	_ = p.client.Close()
}

func (p *process) limit(t testing.TB, bytes uint64) {
	_, err := fmt.Fprintln(p.in, bytes)
	require.NoError(t, err)
	require.True(t, p.out.Scan())
}

// writer appends to one stream of its own, and knows what was acknowledged. What it did not hear of, it sends
// again with the same ids, as clients do.
type writer struct {
	stream string
	acked  []esdb.EventData
	open   []esdb.EventData // sent, outcome unknown
}

func (w *writer) append(ctx context.Context, c *esdb.Client) error {
	if w.open == nil {
		w.open = events(len(w.acked), len(w.acked)+1+rand.IntN(3))
	}
	expected := esdb.ExpectedRevision(esdb.NoStream{})
	if n := len(w.acked); n > 0 {
		expected = esdb.Revision(uint64(n - 1))
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	res, err := c.AppendToStream(ctx, w.stream, esdb.AppendToStreamOptions{ExpectedRevision: expected}, w.open...)
	if err != nil {
		return err
	}
	w.acked, w.open = append(w.acked, w.open...), nil
	if res.NextExpectedVersion != uint64(len(w.acked)-1) {
		return fmt.Errorf("acknowledged as revision %d, expected %d", res.NextExpectedVersion, len(w.acked)-1)
	}
	return nil
}

// check compares the stored streams with what was acknowledged: nothing is missing, nothing is there twice.
func check(t testing.TB, c *esdb.Client, writers []*writer) {
	t.Helper()
	for _, w := range writers {
		if len(w.acked) == 0 {
			continue
		}
		got, err := drain(c.ReadStream(context.Background(), w.stream, esdb.ReadStreamOptions{}, math.MaxUint64))
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(got), len(w.acked), "acknowledged events are missing")
		require.LessOrEqual(t, len(got), len(w.acked)+len(w.open))
		want := append(w.acked[:len(w.acked):len(w.acked)], w.open...)
		for n, e := range got {
			require.Equal(t, want[n].EventID, e.OriginalEvent().EventID, "%s at %d", w.stream, n)
		}
	}
}

func rounds(short, long int) int {
	if os.Getenv("ESDBSERVER_LONG") != "" {
		return long
	}
	return short
}

// TestKilledServerLosesNothing kills the process in the middle of appends, again and again. One subscription goes on
// from the last event that it saw, and must see every event once and in order.
func TestKilledServerLosesNothing(t *testing.T) {
	dir := t.TempDir()
	var writers []*writer
	for i := range 8 {
		writers = append(writers, &writer{stream: fmt.Sprintf("w-%d", i)})
	}
	seen := follower{next: map[string]uint64{}}
	for range rounds(4, 60) {
		p := spawn(t, dir)
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		failures := make(chan error, len(writers)+1)
		for _, w := range writers {
			running.Go(func() {
				for ctx.Err() == nil {
					if err := w.append(ctx, p.client); err != nil {
						if codeOf(err) == esdb.ErrorCodeWrongExpectedVersion {
							failures <- err
						}
						return // killed
					}
				}
			})
		}
		running.Go(func() { failures <- seen.follow(ctx, p.client) })
		time.Sleep(time.Duration(50+rand.IntN(200)) * time.Millisecond)
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		cancel()
		running.Wait()
		_ = p.client.Close()
		close(failures)
		for err := range failures {
			require.NoError(t, err)
		}
	}
	p := spawn(t, dir)
	defer p.kill()
	total := 0
	for _, w := range writers {
		for w.open != nil { // an append that was under way is repeated, and recognised if it had been stored
			require.NoError(t, w.append(context.Background(), p.client))
		}
		total += len(w.acked)
	}
	check(t, p.client, writers)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	seen.want = total
	require.NoError(t, seen.follow(ctx, p.client))
	require.Equal(t, total, seen.count)
	require.NoError(t, esdbserver.Verify(ctx, dir, io.Discard))
	t.Logf("%d events", total)
}

// follower is a subscriber to $all that survives its server.
type follower struct {
	from  esdb.AllPosition
	next  map[string]uint64
	count int
	want  int // 0: until the subscription drops
}

func (f *follower) follow(ctx context.Context, c *esdb.Client) error {
	if f.from == nil {
		f.from = esdb.Start{}
	}
	sub, err := c.SubscribeToAll(ctx, esdb.SubscribeToAllOptions{From: f.from, Filter: esdb.ExcludeSystemEventsFilter()})
	if err != nil {
		return nil // killed already
	}
	defer func() { _ = sub.Close() }()
	for f.want == 0 || f.count < f.want {
		e := sub.Recv()
		if e.SubscriptionDropped != nil {
			if f.want > 0 {
				return fmt.Errorf("dropped after %d of %d events: %w", f.count, f.want, e.SubscriptionDropped.Error)
			}
			return nil
		}
		if e.EventAppeared == nil {
			continue
		}
		o := e.EventAppeared.OriginalEvent()
		if o.EventNumber != f.next[o.StreamID] {
			return fmt.Errorf("%s: saw %d, expected %d", o.StreamID, o.EventNumber, f.next[o.StreamID])
		}
		f.next[o.StreamID]++
		f.from = o.Position
		f.count++
	}
	return nil
}

// TestFullDiskLosesNothing lets writes fail for a while. Appends are refused then, reads go on, and afterwards
// everything acknowledged is there and appends work again.
func TestFullDiskLosesNothing(t *testing.T) {
	dir := t.TempDir()
	p := spawn(t, dir)
	defer func() { p.kill() }()
	ctx := context.Background()
	w := &writer{stream: "w-1"}
	for range rounds(3, 30) {
		for range 20 {
			require.NoError(t, w.append(ctx, p.client))
		}
		info, err := os.Stat(filepath.Join(dir, "events.sqlite-wal"))
		require.NoError(t, err)
		p.limit(t, uint64(info.Size())+uint64(rand.IntN(40_000)))
		refused := 0
		for range 40 {
			if err := w.append(ctx, p.client); err != nil {
				require.NotEqual(t, esdb.ErrorCodeWrongExpectedVersion, codeOf(err), "%v", err)
				refused++
			}
		}
		require.Positive(t, refused, "the limit was reached")
		check(t, p.client, []*writer{w})
		if rand.IntN(2) == 0 {
			p.kill()
			p = spawn(t, dir)
		} else {
			p.limit(t, math.MaxUint64)
		}
		require.NoError(t, w.append(ctx, p.client), "appends work again")
		check(t, p.client, []*writer{w})
	}
	require.NoError(t, esdbserver.Verify(ctx, dir, io.Discard))
}

// TestServerStaysWithinItsMemory bounds the server's process, SQLite included, with many events, streams and
// standing subscribers. The bound is that of the full scale, which ESDBSERVER_LONG comes near.
func TestServerStaysWithinItsMemory(t *testing.T) {
	total, subscriptions := rounds(10_000, 2_000_000), rounds(100, 1000)
	p := spawn(t, t.TempDir())
	defer p.kill()
	fill(t, p.client, total)
	standStill(t, p.at, subscriptions)
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Skip("this system does not tell the memory of a process: ", err)
	}
	for line := range strings.Lines(string(data)) {
		var kib int
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			t.Logf("%d events in %d streams, %d subscriptions: at most %d MiB", total, total/10, subscriptions, kib>>10)
			require.Less(t, kib, 500<<10)
			return
		}
	}
	t.Skip("this system does not tell the memory of a process")
}
