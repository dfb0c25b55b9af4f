package sqlite_test

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/readmodels"
)

// Readers that never all pause would keep SQLite from starting its log anew, and it would grow without end.
func TestTheLogStaysBoundedUnderReaders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "views.db")
	s := openAt(t, path)
	require.NoError(t, s.Open(t.Context(), declarations.Spec()))
	require.NoError(t, s.Commit(t.Context(), putBatch(0, 2000, 1)))
	var stop atomic.Bool
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop.Store(true)
	for range 3 {
		wg.Go(func() {
			for !stop.Load() {
				_, err := declarations.Raw().Find(t.Context(), s, readmodels.Query{Limit: 200})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	var most int64
	s.LimitLog(2 << 20)
	for i := range 100 {
		require.NoError(t, s.Commit(t.Context(), putBatch(i*20, i*20+200, uint64(i+2))))
		info, err := os.Stat(path + "-wal")
		require.NoError(t, err)
		most = max(most, info.Size())
	}
	require.Less(t, most, int64(16<<20))
}
