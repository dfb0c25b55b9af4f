package views_test

import (
	"cmp"
	"testing"
	"time"

	"pgregory.net/rapid"

	"zhiping/readmodels/views"
)

// Queries over a range of time, and the order of the trail, rest on it.
func TestEntryIDsOrderAsTimesAndThenPositions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func() (int64, uint64) {
			return rapid.OneOf(rapid.Int64Range(0, 4_102_444_800_000_000), rapid.Int64Range(1_796_000_000_000_000, 1_796_000_000_000_002)).Draw(t, "micros"),
				rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 3)).Draw(t, "position")
		}
		at, place := draw()
		bt, other := draw()
		want := cmp.Or(cmp.Compare(at, bt), cmp.Compare(place, other))
		a, b := views.EntryID(time.UnixMicro(at), place), views.EntryID(time.UnixMicro(bt), other)
		if got := cmp.Compare(a, b); got != want {
			t.Fatalf("%s and %s order as %d, want %d", a, b, got, want)
		}
	})
}
