// Package limitstest has what tests of rate limits share: the contract of ledgers, and a ledger in memory.
package limitstest

import (
	"context"
	"errors"
	"sync"
	"time"

	"zhiping/infra/limits"
)

// ErrAway is what a ledger answers that cannot be reached.
var ErrAway = errors.New("away")

// Memory is a ledger of nodes within one process, with a clock of its own. The zero value needs a Clock.
type Memory struct {
	Clock func() time.Time

	mu   sync.Mutex
	away bool
	told map[[3]string]stamped
}

type stamped struct {
	node string
	limits.Count
	at time.Time
}

var _ limits.Ledger = (*Memory)(nil)

// Away lets the ledger be out of reach, or not.
func (m *Memory) Away(away bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = away
}

// Len is how many counts are kept.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.told)
}

// Tell implements limits.Ledger.
func (m *Memory) Tell(_ context.Context, node string, counts []limits.Count) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return ErrAway
	}
	if m.told == nil {
		m.told = map[[3]string]stamped{}
	}
	for _, c := range counts {
		m.told[[3]string{node, c.Limit, c.Caller}] = stamped{node, c, m.Clock()}
	}
	return nil
}

// Hear implements limits.Ledger.
func (m *Memory) Hear(_ context.Context, node string, since time.Time, each func(string, limits.Count, time.Duration)) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return since, ErrAway
	}
	now := m.Clock()
	for _, s := range m.told {
		if s.node != node && (since.After(now) || !s.at.Before(since)) {
			each(s.node, s.Count, now.Sub(s.at))
		}
	}
	return now, nil
}

// Sweep implements limits.Ledger.
func (m *Memory) Sweep(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, s := range m.told {
		if m.Clock().Sub(s.at) > 2*time.Minute {
			delete(m.told, key)
		}
	}
	return nil
}
