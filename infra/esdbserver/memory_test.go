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

// TestSubscribersThatDoNotReadHoldNoMoreThanAPage fills a store, lets many subscriptions stand still in the middle of
// it, and bounds the heap of server and clients together. With ESDBSERVER_LONG it does so at a larger scale and
// prints the memory of the whole process, SQLite's own included.
func TestSubscribersThatDoNotReadHoldNoMoreThanAPage(t *testing.T) {
	total, subscriptions := rounds(20_000, 2_000_000), rounds(100, 1000)
	s, _ := start(t, t.TempDir())
	c := dial(t, s)
	var load errgroup.Group
	load.SetLimit(4)
	for from := 0; from < total; from += 500 {
		load.Go(func() error { // streams of ten events, a few hundred of them in a commit
			var group errgroup.Group
			for n := from; n < from+500; n += 10 {
				group.Go(func() error {
					batch := make([]esdb.EventData, 10)
					for i := range batch {
						batch[i] = esdb.EventData{EventID: uuid.New(), EventType: "T", Data: make([]byte, 256)}
					}
					_, err := c.AppendToStream(context.Background(), fmt.Sprintf("s-%d", n), esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, batch...)
					return err
				})
			}
			return group.Wait()
		})
	}
	require.NoError(t, load.Wait())
	before := heap()
	conn := raw(t, s, grpc.WithStaticStreamWindowSize(64<<10)) // what the client itself buffers counts too
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range subscriptions {
		sub, err := streams.NewStreamsClient(conn).Read(ctx, &streams.ReadReq{Options: &streams.ReadReq_Options{
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
	// Appends go on as if nobody stood still.
	_, err := c.AppendToStream(context10s(t), "other", esdb.AppendToStreamOptions{}, event(0))
	require.NoError(t, err)
	each := (int64(heap()) - int64(before)) / int64(subscriptions)
	t.Logf("%d events, %d subscriptions: %d KiB of heap each; process %s", total, subscriptions, each>>10, resident())
	require.Less(t, each, int64(400<<10))
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// resident is the memory of the process where the system tells it.
func resident() string {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	var out []string
	for _, line := range strings.Split(string(data), "\n") {
		if strings.HasPrefix(line, "VmHWM") || strings.HasPrefix(line, "VmRSS") {
			out = append(out, strings.Join(strings.Fields(line), " "))
		}
	}
	return strings.Join(out, ", ")
}
