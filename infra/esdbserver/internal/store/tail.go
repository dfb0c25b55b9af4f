package store

import (
	"sort"
	"sync"
)

// tail keeps the newest committed events in memory, bounded in bytes. Live subscribers read from it, so that a
// thousand of them do not each query the file for the same event. It is safe for concurrent use.
type tail struct {
	mu     sync.RWMutex
	limit  int
	bytes  int
	after  int64 // every event with a greater position is in events
	events []*Event
}

func newTail(limit int, head int64) *tail { return &tail{limit: limit, after: head} }

// add takes newly committed events, in order, and forgets the oldest ones beyond the limit.
func (t *tail) add(events []*Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range events {
		t.bytes += e.size()
	}
	t.events = append(t.events, events...)
	drop := 0
	for t.bytes > t.limit && drop < len(t.events) {
		t.bytes -= t.events[drop].size()
		t.after = t.events[drop].Position
		t.events[drop] = nil
		drop++
	}
	t.events = t.events[drop:]
}

// read returns events from a position on, at most limit and, beyond the first, maxBytes. It answers false when the
// events wanted are no longer all here.
func (t *tail) read(from int64, limit, maxBytes int) ([]*Event, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if from <= t.after {
		return nil, false
	}
	at := sort.Search(len(t.events), func(i int) bool { return t.events[i].Position >= from })
	end, bytes := at, 0
	for end < len(t.events) && end-at < limit {
		bytes += t.events[end].size()
		if end > at && bytes > maxBytes {
			break
		}
		end++
	}
	return append([]*Event(nil), t.events[at:end]...), true
}
