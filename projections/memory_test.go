package projections_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/readmodels"
)

// memory is a read store for the engine's tests, with faults to order. The real adapters have their own contract.
type memory struct {
	readmodels.Store // panics when something is called that the engine should not need here

	mu     sync.Mutex
	views  map[string]map[string]readmodels.Document
	at     map[string]uint64
	live   map[string]int
	budget int // commits until they fail; negative: never
	failed bool
	tokens map[string]uint64
	holder string
	until  time.Time
	token  uint64
	freeze bool
	frozen map[any]string
}

func newMemory() *memory {
	return &memory{
		views: map[string]map[string]readmodels.Document{}, at: map[string]uint64{}, live: map[string]int{},
		tokens: map[string]uint64{}, budget: -1, frozen: map[any]string{},
	}
}

func name(n string, v int) string { return fmt.Sprint(n, "@", v) }

var errAway = errors.New("store is away")

func (m *memory) failAfter(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.budget, m.failed = n, false
}

func (m *memory) failing() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failed
}

func (m *memory) position(n string, v int) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at[name(n, v)]
}

func (m *memory) all(s readmodels.Spec) map[string]any {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]any{}
	for id, d := range m.views[name(s.Name, s.Version)] {
		out[id] = d.Doc
	}
	return out
}

func (m *memory) mustBeFrozen(t *testing.T) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	require.NotEmpty(t, m.frozen)
	for doc, was := range m.frozen {
		now, err := json.Marshal(doc)
		require.NoError(t, err)
		require.Equal(t, was, string(now), "a document was changed after it was stored")
	}
}

func (m *memory) Open(context.Context, ...readmodels.Spec) error { return nil }

func (m *memory) Live(_ context.Context, n string) (int, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.live[n]
	return v, ok, nil
}

func (m *memory) SetLive(_ context.Context, n string, v int, _ uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live[n] = v
	return nil
}

func (m *memory) Checkpoint(_ context.Context, n string, v int) (uint64, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.at[name(n, v)]
	return at, ok, nil
}

func (m *memory) Get(_ context.Context, s readmodels.Spec, ids ...string) (map[string]readmodels.Document, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]readmodels.Document{}
	for _, id := range ids {
		if d, ok := m.views[name(s.Name, s.Version)][id]; ok {
			out[id] = d
		}
	}
	return out, nil
}

// Find knows only what the list of parked documents asks for.
func (m *memory) Find(_ context.Context, s readmodels.Spec, q readmodels.Query) ([]readmodels.Document, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []readmodels.Document
	docs := m.views[name(s.Name, s.Version)]
	for _, id := range slices.Sorted(maps.Keys(docs)) {
		if d := docs[id]; q.Equal == nil || s.Fields(d.Doc)["view"] == q.Equal["view"] {
			out = append(out, d)
		}
	}
	return out, nil
}

func (m *memory) Commit(ctx context.Context, batches ...readmodels.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if m.budget == 0 && len(batches[0].Puts) > 0 {
		m.failed = true
		return errAway
	}
	if slices.ContainsFunc(batches, func(b readmodels.Batch) bool { return len(b.Puts) > 0 }) {
		m.budget--
	}
	for _, b := range batches {
		if b.Token < m.tokens[name(b.Name, b.Version)] {
			return readmodels.ErrFenced
		}
	}
	for _, b := range batches {
		key := name(b.Name, b.Version)
		m.tokens[key] = b.Token
		if m.views[key] == nil {
			m.views[key] = map[string]readmodels.Document{}
		}
		for _, p := range b.Puts {
			if m.views[key][p.ID].Position <= p.Position {
				m.views[key][p.ID] = readmodels.Document{ID: p.ID, Position: p.Position, Doc: p.Doc}
			}
			if m.freeze {
				raw, _ := json.Marshal(p.Doc)
				m.frozen[p.Doc] = string(raw)
			}
		}
		for _, p := range b.Deletes {
			delete(m.views[key], p.ID)
		}
		m.at[key] = max(m.at[key], b.Checkpoint)
	}
	return nil
}

func (m *memory) Drop(_ context.Context, n string, v int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.views, name(n, v))
	delete(m.at, name(n, v))
	return nil
}

func (m *memory) has(n string, v int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.views[name(n, v)]
	return ok
}

func (m *memory) liveVersion(n string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.live[n]
}

func (m *memory) Acquire(_ context.Context, _, owner string, ttl time.Duration) (uint64, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holder != "" && m.holder != owner && time.Now().Before(m.until) {
		return 0, false, nil
	}
	m.holder, m.until = owner, time.Now().Add(ttl)
	m.token++
	return m.token, true, nil
}

func (m *memory) Renew(_ context.Context, _ string, token uint64, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.token != token {
		return readmodels.ErrLeaseLost
	}
	m.until = time.Now().Add(ttl)
	return nil
}

func (m *memory) Release(_ context.Context, _ string, token uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.token == token {
		m.holder = ""
	}
	return nil
}

// rewind turns all checkpoints back and leaves the documents, and what was deleted, as they are.
func (m *memory) rewind(to uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k := range m.at {
		m.at[k] = min(m.at[k], to)
	}
}
