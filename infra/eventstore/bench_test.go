package eventstore_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/infra/eventstore/eventstoretest"
)

// BenchmarkAppend appends one event to a new stream each time, from many callers, through the embedded server.
func BenchmarkAppend(b *testing.B) {
	c := startServer(b).client(b)
	var n atomic.Int64
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			stream := fmt.Sprint("test-", n.Add(1))
			_, err := c.Append(b.Context(), stream, commands.NoStream, []domain.Proposed{eventstoretest.Note("bench", 1)})
			if err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
}

// BenchmarkRead reads a stream of ten events, as loading an aggregate does.
func BenchmarkRead(b *testing.B) {
	c := startServer(b).client(b)
	events := make([]domain.Proposed, 10)
	for i := range events {
		events[i] = eventstoretest.Note("bench", i)
	}
	_, err := c.Append(b.Context(), "test-1", commands.NoStream, events)
	require.NoError(b, err)
	b.ResetTimer()
	for b.Loop() {
		got, err := c.Read(b.Context(), "test-1", 0)
		if err != nil || len(got) != 10 {
			b.Fatal(err, len(got))
		}
	}
}
