package limits

import (
	"sort"
	"sync"
	"time"
)

const (
	// window is the time that a limit counts over. As in Fiber's limiter it slides: what was counted in the window before
	// weighs as much as there is left of the present one.
	window = time.Minute
	// capacity bounds the callers that are counted in a window, and those of whom other nodes told.
	capacity = 1 << 15
	// worthTelling is the part of a limit from which on a caller's count is worth telling to other nodes: a twentieth.
	// Ordinary callers stay below it and cost nothing.
	worthTelling = 20
)

// Limit counts the requests of callers on this node, and knows what other nodes counted of those callers. It bounds what
// passes, not what is asked: who is refused is not counted, so that nobody waits longer for having asked. Safe for
// concurrent use.
type Limit struct {
	name     string
	most     int
	worth    float64
	capacity int
	clock    func() time.Time

	mu     sync.Mutex
	began  time.Time      // the present window; all callers' begin at once, so that a window ends by dropping a map
	now    map[string]int // counted in it
	before map[string]int // in the one before
	theirs map[string][]share
	news   map[string]struct{} // callers whose count is worth telling and has changed since it was told
	pruned time.Time
}

// share is what one other node told of one caller, with the beginning of that node's window by this node's clock.
type share struct {
	node        string
	now, before int
	began       time.Time
}

func newLimit(name string, most int, clock func() time.Time) *Limit {
	now := clock()
	return &Limit{
		name: name, most: most, worth: max(1, float64(most)/worthTelling), capacity: capacity, clock: clock, began: now, pruned: now,
		now: map[string]int{}, before: map[string]int{}, theirs: map[string][]share{}, news: map[string]struct{}{},
	}
}

// weigh is how many requests count at some time after the window began.
func weigh(now, before int, since time.Duration) float64 {
	switch left := 1 - float64(max(0, since))/float64(window); {
	case left > 0:
		return float64(before)*left + float64(now)
	case left > -1:
		return float64(now) * (1 + left)
	}
	return 0
}

// Take counts a request of a caller and answers 0; or, when all nodes together have counted as many as may pass, it counts
// nothing and answers how long to wait, in whole seconds.
func (l *Limit) Take(caller string) (wait time.Duration) {
	at := l.clock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.roll(at)
	counted, told := l.now[caller], l.theirs[caller]
	own := weigh(counted, l.before[caller], at.Sub(l.began))
	if int(own+others(told, at))+1 > l.most {
		return l.until(caller, at)
	}
	if counted == 0 && len(l.now) >= l.capacity && !l.makeRoom() {
		return 0 // this node's own limit holds
	}
	l.now[caller] = counted + 1
	if own+1 >= l.worth || len(told) > 0 {
		l.news[caller] = struct{}{}
	}
	return 0
}

func others(told []share, at time.Time) (sum float64) {
	for _, s := range told {
		sum += weigh(s.now, s.before, at.Sub(s.began))
	}
	return sum
}

// until is how long it takes until a request passes if none comes meanwhile. What counts only falls then.
func (l *Limit) until(caller string, at time.Time) time.Duration {
	seconds := sort.Search(int(2*window/time.Second), func(s int) bool {
		later := at.Add(time.Duration(s) * time.Second)
		return int(weigh(l.now[caller], l.before[caller], later.Sub(l.began))+others(l.theirs[caller], later))+1 <= l.most
	})
	return time.Duration(max(1, seconds)) * time.Second
}

// roll begins the window that the time is in.
func (l *Limit) roll(at time.Time) {
	since := at.Sub(l.began)
	if since < window {
		return
	}
	l.before = l.now
	if since >= 2*window {
		l.before = map[string]int{}
	}
	l.now = map[string]int{}
	l.began = l.began.Add(since.Truncate(window))
	for caller := range l.news { // which pile up while they cannot be told
		if l.before[caller] == 0 {
			delete(l.news, caller)
		}
	}
}

// sampled is how many callers are looked at to find one that is forgotten for a new one.
const sampled = 8

// makeRoom forgets a caller that asked little. It is picked from a few by chance, so that who comes from very many addresses
// can neither fill the memory nor choose whom to have forgotten; who is worth telling of is kept.
func (l *Limit) makeRoom() bool {
	least, looked := "", 0
	for caller, n := range l.now {
		if float64(n) < l.worth && len(l.theirs[caller]) == 0 && (least == "" || n < l.now[least]) {
			least = caller
		}
		if looked++; looked == sampled {
			break
		}
	}
	delete(l.now, least)
	return len(l.now) < l.capacity
}

// tell takes at most so many counts that are to be told.
func (l *Limit) tell(most int) []Count {
	at := l.clock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.roll(at)
	counts := make([]Count, 0, min(most, len(l.news)))
	for caller := range l.news {
		if len(counts) == most {
			break
		}
		delete(l.news, caller)
		counts = append(counts, Count{Limit: l.name, Caller: caller, Now: l.now[caller], Before: l.before[caller], Since: at.Sub(l.began)})
	}
	return counts
}

// untold is for counts that could not be told: they are tried again.
func (l *Limit) untold(counts []Count) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range counts {
		if len(l.news) < l.capacity {
			l.news[c.Caller] = struct{}{}
		}
	}
}

// heard takes what another node told. From then on this node tells what it counts of the caller too, however little, so
// that nobody passes unseen who stays below what is worth telling on every node but one.
func (l *Limit) heard(node string, c Count, age time.Duration) {
	told := share{node: node, now: c.Now, before: c.Before, began: l.clock().Add(-max(0, age) - max(0, c.Since))}
	l.mu.Lock()
	defer l.mu.Unlock()
	shares, known := l.theirs[c.Caller]
	for i := range shares {
		if shares[i].node == node {
			shares[i] = told
			return
		}
	}
	if !known && len(l.theirs) >= l.capacity {
		return
	}
	l.theirs[c.Caller] = append(shares, told)
	if !known && l.now[c.Caller]+l.before[c.Caller] > 0 && len(l.news) < l.capacity {
		l.news[c.Caller] = struct{}{}
	}
}

// prune forgets, once a window, what counts no more.
func (l *Limit) prune() {
	at := l.clock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if at.Sub(l.pruned) < window {
		return
	}
	l.pruned = at
	for caller, shares := range l.theirs {
		kept := shares[:0]
		for _, s := range shares {
			if at.Sub(s.began) < 2*window {
				kept = append(kept, s)
			}
		}
		if l.theirs[caller] = kept; len(kept) == 0 {
			delete(l.theirs, caller)
		}
	}
}
