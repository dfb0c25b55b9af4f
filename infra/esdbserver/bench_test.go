package esdbserver_test

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/stretchr/testify/require"

	"zhiping/infra/esdbserver/bench"
)

// BenchmarkAppend is one durable append a iteration, through the official client.
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 8, 32, 128} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			c := connect(b)
			var next atomic.Int64
			b.SetParallelism(callers)
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					n := next.Add(1)
					_, err := c.AppendToStream(context.Background(), fmt.Sprintf("s-%d", n/4),
						esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, event(int(n)))
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkRead reads 10,000 events an iteration.
func BenchmarkRead(b *testing.B) {
	c := connect(b)
	for range 10 {
		_, err := c.AppendToStream(context.Background(), "s", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, events(0, 1000)...)
		require.NoError(b, err)
	}
	for b.Loop() {
		out, err := drain(c.ReadStream(context.Background(), "s", esdb.ReadStreamOptions{}, 10_000))
		require.NoError(b, err)
		require.Len(b, out, 10_000)
	}
	b.ReportMetric(float64(b.N)*10_000/b.Elapsed().Seconds(), "events/s")
}

func TestBenchRuns(t *testing.T) {
	s, _ := start(t, t.TempDir())
	conf, err := esdb.ParseConnectionString(s.ConnectionString())
	require.NoError(t, err)
	conf.Address, conf.Logger = s.Endpoint(), esdb.NoopLogging()
	r, err := bench.Run(t.Context(), conf, bench.Config{Callers: []int{2}, Duration: 50 * time.Millisecond, Events: 500})
	require.NoError(t, err)
	require.Positive(t, r.SubscribePerSecond)
	require.NoError(t, bench.Print(io.Discard, r))
}
