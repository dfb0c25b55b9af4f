package commands

import (
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"zhiping/domain"
)

// memory remembers folded streams, as many as both of its bounds allow; what was not used for longest is forgotten first. Safe
// for concurrent use.
type memory struct {
	mu      sync.Mutex
	streams *simplelru.LRU[string, remembered]
	bytes   int64
	most    int64
}

type remembered struct {
	loaded any // a loaded[S]
	bytes  int64
}

func newMemory(streams int, bytes int64) (*memory, error) {
	m := &memory{most: bytes}
	var err error
	m.streams, err = simplelru.NewLRU(streams, func(_ string, r remembered) { m.bytes -= r.bytes })
	if err != nil {
		return nil, fmt.Errorf("commands: memory: %w", err)
	}
	return m, nil
}

func (m *memory) get(stream string) (any, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.streams.Get(stream)
	return r.loaded, ok
}

func (m *memory) put(stream string, loaded any, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.streams.Remove(stream) // so that its old size is given back
	if bytes > m.most {
		return
	}
	m.bytes += bytes
	m.streams.Add(stream, remembered{loaded, bytes})
	for m.bytes > m.most {
		m.streams.RemoveOldest()
	}
}

// commandLog is the ids of the commands whose events are folded in, the last one first. Logs that begin alike share their
// beginning, so that a longer one costs one entry.
type commandLog struct {
	id     uuid.UUID
	before *commandLog
	length int
}

func (l *commandLog) add(id uuid.UUID) *commandLog {
	if l != nil && l.id == id {
		return l
	}
	return &commandLog{id: id, before: l, length: l.len() + 1}
}

func (l *commandLog) len() int {
	if l == nil {
		return 0
	}
	return l.length
}

func (l *commandLog) has(id uuid.UUID) bool {
	for ; l != nil; l = l.before {
		if l.id == id {
			return true
		}
	}
	return false
}

// counted is a stream's usage, with the moment of its last event, to which its hour and its day belong.
type counted struct {
	domain.Usage
	last time.Time
}

// add counts an event of that moment.
func (c counted) add(at time.Time, bytes int64) counted {
	c.Usage, c.last = c.asOf(at), at
	c.Events++
	c.ThisHour++
	c.Bytes += bytes
	c.BytesToday += bytes
	return c
}

// asOf is the usage at a moment behind the last event.
func (c counted) asOf(now time.Time) domain.Usage {
	u, now, last := c.Usage, now.UTC(), c.last.UTC()
	if !now.Truncate(time.Hour).Equal(last.Truncate(time.Hour)) {
		u.ThisHour = 0
	}
	if !now.Truncate(24 * time.Hour).Equal(last.Truncate(24 * time.Hour)) {
		u.BytesToday = 0
	}
	return u
}
