package identity

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// However many ask together, nobody gets a counter from before a revocation that had been answered when they asked.
func TestCountersThatAreReadTogetherAreNoneTooOld(t *testing.T) {
	f := open(t)
	const buckets, readers, rounds = 24, 16, 100 // more buckets than one query reads
	var least [buckets]atomic.Int64
	var over atomic.Bool
	var wg sync.WaitGroup
	for r := range readers {
		wg.Go(func() {
			for i := r; !over.Load(); i++ {
				bucket := i % buckets
				want := least[bucket].Load()
				n, err := f.epochs.of(t.Context(), bucket)
				if err != nil || n < want {
					t.Errorf("bucket %d: %d after %d, %v", bucket, n, want, err)
					return
				}
			}
		})
	}
	for i := range rounds {
		bucket := i % buckets
		_, err := f.writer.ExecContext(t.Context(), `UPDATE epochs SET n = n + 1 WHERE bucket = $1`, bucket)
		if err != nil {
			t.Error(err)
			break
		}
		least[bucket].Store(int64(2 + i/buckets))
	}
	over.Store(true)
	wg.Wait()
}

// A store that is away is told to everybody who waits for the read, and asked again by the next.
func TestCountersThatCannotBeRead(t *testing.T) {
	f := open(t)
	_, err := f.writer.ExecContext(t.Context(), `ALTER TABLE epochs RENAME TO gone`)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := f.epochs.of(t.Context(), i); err == nil {
				t.Error("no error")
			}
		})
	}
	wg.Wait()
	_, err = f.writer.ExecContext(t.Context(), `ALTER TABLE gone RENAME TO epochs`)
	require.NoError(t, err)
	n, err := f.epochs.of(t.Context(), 511)
	require.NoError(t, err)
	require.Equal(t, int64(1), n)
}
