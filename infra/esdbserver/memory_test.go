//go:build unix

package esdbserver_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
)

// fill appends to streams of ten events, a few hundred of them in a commit.
func fill(t testing.TB, c *esdb.Client, total int) {
	t.Helper()
	var load errgroup.Group
	load.SetLimit(200)
	for n := 0; n < total; n += 10 {
		load.Go(func() error {
			batch := make([]esdb.EventData, 10)
			for i := range batch {
				batch[i] = esdb.EventData{EventID: uuid.New(), EventType: "T", Data: make([]byte, 256)}
			}
			_, err := c.AppendToStream(context.Background(), fmt.Sprintf("s-%d", n),
				esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, batch...)
			return err
		})
	}
	require.NoError(t, load.Wait())
}

// standStill begins subscriptions to everything that are not read any further.
func standStill(t testing.TB, endpoint string, subscriptions int) {
	t.Helper()
	// What the client itself buffers counts too, in one process.
	conn := raw(t, endpoint, grpc.WithStaticStreamWindowSize(64<<10))
	for range subscriptions {
		sub, err := streams.NewStreamsClient(conn).Read(t.Context(), &streams.ReadReq{Options: &streams.ReadReq_Options{
			StreamOption: &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{
				AllOption: &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}},
			}},
			CountOption:  &streams.ReadReq_Options_Subscription{Subscription: &streams.ReadReq_Options_SubscriptionOptions{}},
			FilterOption: &streams.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
			UuidOption: &streams.ReadReq_Options_UUIDOption{
				Content: &streams.ReadReq_Options_UUIDOption_Structured{Structured: &shared.Empty{}},
			},
		}})
		require.NoError(t, err)
		for range 2 { // the confirmation and an event, so that the subscription is under way
			_, err = sub.Recv()
			require.NoError(t, err)
		}
	}
}

// TestSubscribersThatDoNotReadHoldNoMoreThanAPage bounds the heap of server and clients together.
func TestSubscribersThatDoNotReadHoldNoMoreThanAPage(t *testing.T) {
	const total, subscriptions = 20_000, 100
	s, _ := start(t, t.TempDir())
	c := dial(t, s)
	fill(t, c, total)
	before := heap()
	standStill(t, s.Endpoint(), subscriptions)
	// Appends go on as if nobody stood still.
	_, err := c.AppendToStream(bounded(t), "other", esdb.AppendToStreamOptions{}, event(0))
	require.NoError(t, err)
	each := (int64(heap()) - int64(before)) / subscriptions
	t.Logf("%d KiB of heap each", each>>10)
	require.Less(t, each, int64(300<<10))
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestServerStaysWithinItsMemory bounds the server's process, SQLite included, with many events, streams and
// standing subscribers. The bound is that of the full scale, which ESDBSERVER_LONG comes near.
func TestServerStaysWithinItsMemory(t *testing.T) {
	total, subscriptions := rounds(10_000, 2_000_000), rounds(100, 1000)
	p := spawn(t, t.TempDir())
	defer func() { p.kill(); _ = p.client.Close() }()
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
