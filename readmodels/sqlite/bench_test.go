package sqlite_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/readmodels"
	"zhiping/readmodels/sqlite"
)

// declaration is about as large as a row of the history list.
type declaration struct {
	Number    string   `json:"number"`
	Notice    string   `json:"notice"`
	Title     string   `json:"title"`
	Type      string   `json:"type"`
	Applicant string   `json:"applicant"`
	Unit      string   `json:"unit"`
	Status    string   `json:"status"`
	Stage     string   `json:"stage"`
	Updated   int64    `json:"updated"`
	Modules   []module `json:"modules"`
	Actions   []string `json:"actions"`
}

type module struct {
	Key      string `json:"key"`
	Complete bool   `json:"complete"`
	Editable bool   `json:"editable"`
}

var declarations = readmodels.View[declaration]{
	Name: "declarations", Version: 1,
	Indexes: []readmodels.Index{
		{Fields: []string{"applicant", "updated"}},
		{Fields: []string{"applicant", "status", "updated"}},
		{Fields: []string{"applicant", "type", "updated"}},
		{Fields: []string{"applicant", "status", "type", "updated"}},
		{Fields: []string{"unit", "status", "updated"}},
	},
	Fields: func(d *declaration) map[string]any {
		return map[string]any{
			"applicant": d.Applicant, "updated": d.Updated, "unit": d.Unit, "status": d.Status, "type": d.Type,
		}
	},
}

func declarationID(i int) string {
	return fmt.Sprintf("%08x-5b1e-4d8a-9c7f-%012x", uint32(i)*2654435761, i)
}

func aDeclaration(i int) *declaration {
	d := &declaration{
		Number: fmt.Sprintf("2026-%08d", i), Notice: "7f1a2b3c-0000-4000-8000-000000000001", Title: "2026年度正常职称申报评审通知",
		Type: "title.regular", Applicant: fmt.Sprintf("applicant-%06d", i/20), Unit: fmt.Sprintf("12220000%010d", i%5000),
		Status: "submitted", Stage: "department", Updated: int64(1_700_000_000_000 + i), Actions: []string{"view", "withdraw"},
	}
	for _, k := range []string{"basic", "education", "work", "papers", "projects", "awards", "assessment"} {
		d.Modules = append(d.Modules, module{Key: k, Complete: true})
	}
	return d
}

// benchStore is filled with the number of documents that ZHIPING_BENCH_DOCS names, 20,000 otherwise. The directory
// that ZHIPING_BENCH_DIR names keeps a filled store for the next run.
func benchStore(b *testing.B) (*sqlite.Store, int) {
	n := 20_000
	if v, err := strconv.Atoi(os.Getenv("ZHIPING_BENCH_DOCS")); err == nil {
		n = v
	}
	dir := os.Getenv("ZHIPING_BENCH_DIR")
	if dir == "" {
		dir = b.TempDir()
	}
	s, err := sqlite.New(sqlite.Config{Path: filepath.Join(dir, "views.db")})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close(context.Background())) })
	require.NoError(b, s.Open(b.Context(), declarations.Spec()))
	if have, err := declarations.Count(b.Context(), s, nil, n); err == nil && have == n {
		b.ResetTimer()
		return s, n
	}
	for from := 0; from < n; from += 2000 {
		require.NoError(b, s.Commit(b.Context(), putBatch(from, min(from+2000, n), uint64(from))))
	}
	b.ResetTimer()
	return s, n
}

func putBatch(from, to int, position uint64) readmodels.Batch {
	batch := readmodels.Batch{Name: declarations.Name, Version: 1, Checkpoint: position}
	for i := from; i < to; i++ {
		batch.Puts = append(batch.Puts, declarations.Put(declarationID(i), position, aDeclaration(i)))
	}
	return batch
}

func perSecond(b *testing.B, n int, unit string) {
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), unit+"/s")
}

func BenchmarkGet(b *testing.B) {
	s, n := benchStore(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, _, ok, err := declarations.Get(b.Context(), s, declarationID(rand.IntN(n)))
			if err != nil || !ok {
				b.Fatal(ok, err)
			}
		}
	})
	perSecond(b, b.N, "reads")
}

func BenchmarkFind(b *testing.B) {
	s, n := benchStore(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			page, err := declarations.Find(b.Context(), s, readmodels.Query{
				Equal: map[string]any{"applicant": fmt.Sprintf("applicant-%06d", rand.IntN(n/20))}, Sort: "updated", Desc: true, Limit: 20,
			})
			if err != nil || len(page.Items) != 20 {
				b.Fatal(len(page.Items), err)
			}
		}
	})
	perSecond(b, b.N, "pages")
}

// BenchmarkGetWhileCommitting reads while one writer updates as fast as it can.
func BenchmarkGetWhileCommitting(b *testing.B) {
	s, n := benchStore(b)
	var stop atomic.Bool
	written := make(chan int)
	go func() {
		count := 0
		for position := uint64(n); !stop.Load(); position++ {
			from := rand.IntN(n - 100)
			if err := s.Commit(b.Context(), putBatch(from, from+100, position)); err != nil {
				b.Error(err)
				break
			}
			count += 100
		}
		written <- count
	}()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, _, err := declarations.Get(b.Context(), s, declarationID(rand.IntN(n))); err != nil {
				b.Fatal(err)
			}
		}
	})
	perSecond(b, b.N, "reads")
	stop.Store(true)
	perSecond(b, <-written, "puts")
}

// BenchmarkCommit puts single documents, as a projector that has caught up does.
func BenchmarkCommit(b *testing.B) {
	s, n := benchStore(b)
	for i := range b.N {
		from := rand.IntN(n)
		require.NoError(b, s.Commit(b.Context(), putBatch(from, from+1, uint64(n+i))))
	}
	perSecond(b, b.N, "commits")
}

// BenchmarkRebuild loads and puts batches of 2,000, new documents first and then updates of known ones.
func BenchmarkRebuild(b *testing.B) {
	for _, c := range []struct {
		name   string
		update bool
	}{{"new", false}, {"update", true}} {
		b.Run(c.name, func(b *testing.B) {
			s, n := benchStore(b)
			for i := range b.N {
				from := n + i*2000
				if c.update {
					from = (i * 2000) % (n - 2000)
				}
				batch := putBatch(from, from+2000, uint64(n+i))
				ids := make([]string, len(batch.Puts))
				for j, p := range batch.Puts {
					ids[j] = p.ID
				}
				_, err := s.Get(b.Context(), declarations.Spec(), ids...)
				require.NoError(b, err)
				require.NoError(b, s.Commit(b.Context(), batch))
			}
			perSecond(b, b.N*2000, "puts")
		})
	}
}
