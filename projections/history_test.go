package projections_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/projections"
)

// longHistory is events of many streams, some of them parked and some of them deleted, in an order in which no two of
// a stream are neighbours.
func longHistory(n, streams int) []domain.Recorded {
	rng := rand.New(rand.NewPCG(1, 2))
	events := make([]domain.Recorded, n)
	for i := range events {
		stream := i % streams
		key := uuid.NewSHA1(uuid.Nil, []byte(fmt.Sprint(stream))).String()
		events[i] = event(10*(i+1), key, rng.IntN(9), stream%50 == 7 && i/streams == 3)
	}
	return events
}

func TestHistoryIsFoldedByPartAsInOrder(t *testing.T) {
	for _, most := range []int64{1, 4 << 10, 64 << 20} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			events := longHistory(6000, 300)
			partitioned, inorder := newMemory(), newMemory()
			dir := t.TempDir()
			cfg := config(partitioned, newLog(events...), tallies(1), totals())
			cfg.MaxBatch, cfg.MaxSpool, cfg.SpoolDir = 250, most, dir
			caughtUp(t, start(t, cfg))
			plain := tallies(1)
			plain.ByPartition = false
			cfg = config(inorder, newLog(events...), plain, totals())
			caughtUp(t, start(t, cfg))
			require.Equal(t, inorder.all(tallies(1).Spec()), partitioned.all(tallies(1).Spec()))
			require.Equal(t, inorder.all(totals().Spec()), partitioned.all(totals().Spec()))
			require.Equal(t, inorder.position("tallies", 1), partitioned.position("tallies", 1))
			want, got := inorder.all(projections.ParkedView().Spec()), partitioned.all(projections.ParkedView().Spec())
			require.NotEmpty(t, want)
			require.Len(t, got, len(want))
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left, "nothing is left on the disk")
		})
	}
}

func TestADocumentOfHistoryIsWrittenOnce(t *testing.T) {
	const batch = 50
	events := longHistory(6000, 300)
	for i := range events { // none is parked or deleted
		c := events[i].Event.(counted)
		events[i].Event = counted{c.Key, 1, false}
	}
	store := newMemory()
	cfg := config(store, newLog(events...), tallies(1))
	cfg.MaxBatch = batch
	written := 0
	cfg.Observer = observed(func(c projections.Commit) {
		for _, v := range c.Views {
			written += v.Documents
		}
	})
	p := start(t, cfg)
	caughtUp(t, p)
	p.Stop()
	require.LessOrEqual(t, written, 300+batch, "the last events are live already")
	mustEqualFold(t, store, tallies(1), events)
}

// Where nothing can be put down, history is folded as it comes, and nothing is missing.
func TestHistoryWithoutRoomToSortIt(t *testing.T) {
	events := longHistory(6000, 300)
	for i := range events { // full blocks, so that the file is needed
		events[i].Type = fmt.Sprintf("%4096d", i)
	}
	store := newMemory()
	cfg := config(store, newLog(events...), tallies(1), totals())
	cfg.SpoolDir = filepath.Join(t.TempDir(), "missing")
	caughtUp(t, start(t, cfg))
	plain := newMemory()
	inorder := tallies(1)
	inorder.ByPartition = false
	caughtUp(t, start(t, config(plain, newLog(events...), inorder, totals())))
	require.Equal(t, plain.all(tallies(1).Spec()), store.all(tallies(1).Spec()))
	require.Equal(t, plain.all(totals().Spec()), store.all(totals().Spec()))
}
