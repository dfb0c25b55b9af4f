package projections_test

import (
	"path/filepath"
	"runtime"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/infra/eventstore"
	"zhiping/projections"
	"zhiping/projections/folds"
)

// BenchmarkRebuild projects 100,000 events of 10,000 declarations into all views, from nothing, once per iteration.
func BenchmarkRebuild(b *testing.B) {
	const declarations = 10_000
	s := newStack(b)
	s.declare(b, 0, declarations)
	var commits float64
	var fold, commit time.Duration
	b.ResetTimer()
	for i := range b.N {
		store := openStore(b, filepath.Join(s.dir, "views", string(rune('a'+i)), "views.db"))
		p, err := projections.NewProjector(projections.Config{
			Feed: eventstore.NewFeed(s.client, "bench"), Store: store, Folds: folds.All(),
			Observer: observed(func(c projections.Commit) { commits++; fold += c.Fold; commit += c.Store }),
		})
		require.NoError(b, err)
		go func() { _ = p.Run(b.Context()) }()
		for !p.CaughtUp() {
			time.Sleep(time.Millisecond)
		}
		p.Stop()
		require.NoError(b, store.Close(b.Context()))
	}
	b.ReportMetric(float64(b.N)*declarations*10/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(commits/float64(b.N), "commits/op")
	b.ReportMetric(fold.Seconds()/float64(b.N), "fold-s/op")
	b.ReportMetric(commit.Seconds()/float64(b.N), "commit-s/op")
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys)/(1<<20), "MiB")
}

// BenchmarkLag measures from the start of an append to the commit of its views, one append at a time per iteration
// beside eight others that keep the store busy.
func BenchmarkLag(b *testing.B) {
	s := newStack(b)
	store := openStore(b, filepath.Join(s.dir, "views.db"))
	var mu sync.Mutex
	var delays []time.Duration
	p, err := projections.NewProjector(projections.Config{
		Feed: eventstore.NewFeed(s.client, "bench"), Store: store, Folds: folds.All(),
		Observer: observed(func(c projections.Commit) {
			if !c.Oldest.IsZero() {
				mu.Lock()
				delays = append(delays, time.Since(c.Oldest))
				mu.Unlock()
			}
		}),
	})
	require.NoError(b, err)
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Run(b.Context()) }()
	for !p.CaughtUp() {
		time.Sleep(time.Millisecond)
	}
	b.ResetTimer()
	s.declare(b, 0, b.N)
	for !p.CaughtUp() {
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	p.Stop()
	<-done
	sort.Slice(delays, func(i, j int) bool { return delays[i] < delays[j] })
	b.ReportMetric(float64(b.N*10)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(delays[len(delays)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(delays[len(delays)/2].Microseconds())/1000, "p50-ms")
	require.NoError(b, store.Close(b.Context()))
}

type observed func(projections.Commit)

func (o observed) Committed(c projections.Commit) { o(c) }
func (observed) Failed(string, error)             {}
func (observed) Parked(string, int, int)          {}
func (observed) Stopped(bool)                     {}
func (observed) Backlog(string, int, bool)        {}
