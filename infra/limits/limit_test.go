package limits

import (
	"strconv"
	"testing"
	"time"
)

// However many callers come, and whatever other nodes tell, no more than so many are kept; who asks much is not forgotten for
// those who ask little.
func TestTheMemoryOfALimitIsBounded(t *testing.T) {
	now := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	l := newLimit("callers", 100, func() time.Time { return now })
	l.capacity = 64
	held := func() {
		t.Helper()
		for name, n := range map[string]int{"now": len(l.now), "before": len(l.before), "others": len(l.theirs), "news": len(l.news)} {
			if n > 2*l.capacity {
				t.Fatalf("%s holds %d", name, n)
			}
		}
		if len(l.now) > l.capacity || len(l.theirs) > l.capacity {
			t.Fatalf("%d counted, %d heard of", len(l.now), len(l.theirs))
		}
	}
	for i := range 50 {
		for range 2 { // it asks in between, from the first on
			l.Take("much")
		}
		for j := range 500 {
			if l.Take(strconv.Itoa(i*500+j)) != 0 {
				t.Fatal("somebody was refused for want of room")
			}
		}
		if i == 4 {
			for range 10 { // now it is worth telling, and so kept
				l.Take("much")
			}
		}
		held()
	}
	if n := l.now["much"]; n < 90 {
		t.Fatalf("of who asks much %d are counted", n)
	}
	// All are worth telling, and nobody takes the news.
	for i := range 500 {
		for range 6 {
			l.Take("m" + strconv.Itoa(i))
		}
		l.heard("other", Count{Caller: "h" + strconv.Itoa(i), Now: 5}, 0)
		l.heard("other", Count{Caller: "h1", Now: i}, 0)
	}
	held()
	for range 5 {
		now = now.Add(window)
		for i := range 500 {
			for range 6 {
				l.Take(now.String() + strconv.Itoa(i))
			}
		}
		l.prune()
		held()
	}
	if len(l.theirs) != 0 {
		t.Fatalf("%d are kept of whom others told long ago", len(l.theirs))
	}
}

// The cost of a limit that holds over all nodes, for a caller who asks little, and for one of whom two other nodes tell.
func BenchmarkTake(b *testing.B) {
	l := newLimit("callers", 1<<40, time.Now)
	for i := range 10000 {
		l.Take(strconv.Itoa(i))
	}
	for _, node := range []string{"a", "b"} {
		l.heard(node, Count{Caller: "7", Now: 100, Before: 100, Since: time.Second}, 0)
	}
	for name, caller := range map[string]string{"ordinary": "5", "told of": "7"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.Take(caller)
			}
		})
	}
	b.Run("from all cores", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				l.Take("5")
			}
		})
	})
}
