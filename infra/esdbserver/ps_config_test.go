package esdbserver

import (
	"math"
	"testing"
)

func TestTimesOfASubscriptionFitWhateverAClientSends(t *testing.T) {
	for _, c := range []struct {
		ms    int32
		ticks int64
		want  int32
	}{
		{2000, 0, 2000}, {0, 20_000_000, 2000}, {0, math.MaxInt64, math.MaxInt32}, {0, math.MinInt64, -1}, {-5, 0, -5},
	} {
		if got := milliseconds(c.ms, c.ticks); got != c.want {
			t.Errorf("%d ms, %d ticks: %d, want %d", c.ms, c.ticks, got, c.want)
		}
	}
}
