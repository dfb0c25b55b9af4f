package projections

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"zhiping/domain"
	"zhiping/projections/internal/spool"
	"zhiping/readmodels"
)

// decodeNothing is a decoder for tests: the event's own bytes are its data.
func decodeNothing(e Stored) (domain.Recorded, error) {
	e.Data, e.Meta = append([]byte{}, e.Data...), append([]byte{}, e.Meta...)
	return domain.Recorded{Position: e.Position, Event: e}, nil
}

func TestASpoolGivesEachStreamBackInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := spool.New(os.TempDir(), readmodels.Partitions)
		defer s.Close()
		want := map[string][]Stored{}
		size := rapid.SampledFrom([]int{0, 3, 700, spool.BlockSize}).Draw(t, "size") // none to several blocks
		for i := range rapid.IntRange(0, 200).Draw(t, "events") {
			stream := rapid.SampledFrom([]string{"unit-1", "notice", "declaration-" + uuid.NewSHA1(uuid.Nil, []byte{byte(i % 5)}).String()}).Draw(t, "stream")
			e := Stored{Stream: stream, Type: "Written", Revision: uint64(len(want[stream])), Position: uint64(i + 1), ID: uuid.NewSHA1(uuid.Nil, []byte(fmt.Sprint(i))),
				Created: time.Unix(int64(i), int64(i)).UTC(), Data: make([]byte, size), Meta: []byte(fmt.Sprint(i))}
			want[stream] = append(want[stream], e)
			require.NoError(t, s.Add(readmodels.PartitionOf(e.Stream), e.encode))
		}
		got := map[string][]Stored{}
		for part := range readmodels.Partitions {
			last := uint64(0)
			events, err := readSpooled(s, part, decodeNothing)
			require.NoError(t, err)
			for _, r := range events {
				require.Greater(t, r.Position, last)
				last = r.Position
				e := r.Event.(Stored)
				got[e.Stream] = append(got[e.Stream], e)
			}
		}
		require.Equal(t, want, got)
		s.Reset()
		require.Zero(t, s.Len())
	})
}

// A file that fails is no loss: its events are in the event store, and the projector plans anew.
func TestASpoolThatCannotBeReadBack(t *testing.T) {
	s := spool.New(t.TempDir(), readmodels.Partitions)
	for range 3 {
		require.NoError(t, s.Add(readmodels.PartitionOf("unit-1"), Stored{Stream: "unit-1", Data: make([]byte, spool.BlockSize)}.encode))
	}
	s.Close() // as a disk that is gone
	_, err := readSpooled(s, readmodels.PartitionOf("unit-1"), decodeNothing)
	require.ErrorIs(t, err, spool.ErrUnreadable)
	h := &history{pipeline: newPipeline(Config{}.withDefaults(), "test", nil, 0)}
	h.cfg.CheckpointEvery = time.Millisecond
	require.ErrorIs(t, h.restart(t.Context(), err), errReplan)
	other := errors.New("an event that this program does not know")
	require.Equal(t, other, h.restart(t.Context(), other))
	s.Close()
}

func TestTextThatIsNoEvent(t *testing.T) {
	whole := Stored{Stream: "unit-1", Type: "Written", Data: []byte("{}"), Meta: []byte("{}")}.encode(nil)
	for n := range len(whole) {
		var e Stored
		require.Nil(t, e.take(whole[:n]), n)
	}
	var e Stored
	rest := e.take(whole)
	require.NotNil(t, rest)
	require.Empty(t, rest)
}
