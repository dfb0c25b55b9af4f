package projections_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/projections"
	"zhiping/readmodels"
)

// counted is an event to test with: Key's document counts to N, unless it is bad.
type counted struct {
	Key string
	N   int
	Bad bool
}

type tally struct {
	Key  string         `json:"key"`
	Sum  int            `json:"sum"`
	Seen []int          `json:"seen"`
	By   map[string]int `json:"by"`
}

func tallies(version int) projections.Projection[tally] {
	return projections.Projection[tally]{
		View: readmodels.View[tally]{Name: "tallies", Version: version},
		Keys: func(e domain.Recorded) []string { return []string{e.Event.(counted).Key} }, ByPartition: true,
		Apply: func(docs *projections.Docs[tally], e domain.Recorded) error {
			c := e.Event.(counted)
			if c.N == 0 {
				docs.Delete(c.Key)
				return nil
			}
			d := docs.GetOrNew(c.Key)
			d.Key, d.Sum, d.Seen = c.Key, d.Sum+c.N, append(d.Seen, c.N)
			if d.By == nil {
				d.By = map[string]int{}
			}
			d.By[e.Type]++
			if c.Bad {
				return errors.New("bad event")
			}
			return nil
		},
	}
}

// totals has one document that every event touches.
func totals() projections.Projection[tally] {
	return projections.Projection[tally]{
		View: readmodels.View[tally]{Name: "totals", Version: 1},
		Keys: func(e domain.Recorded) []string {
			if e.Event.(counted).N < 0 {
				panic("negative")
			}
			return []string{"all"}
		},
		Apply: func(docs *projections.Docs[tally], e domain.Recorded) error {
			docs.GetOrNew("all").Sum += e.Event.(counted).N
			return nil
		},
	}
}

func event(position int, key string, n int, bad bool) domain.Recorded {
	return domain.Recorded{
		Stream: "test-" + key, Position: uint64(position), ID: domain.DerivedID(fmt.Sprint(position)), Type: "Counted",
		At: time.Unix(int64(position), 0).UTC(), Event: counted{key, n, bad},
	}
}

// history makes n events over some keys.
func history(n, keys int) []domain.Recorded {
	events := make([]domain.Recorded, n)
	for i := range events {
		events[i] = event(10*(i+1), fmt.Sprint("k", i%keys), 1+i%7, false)
	}
	return events
}

// log is a feed from memory that can grow.
type log struct {
	mu     sync.Mutex
	events []domain.Recorded
	grown  chan struct{}
	fail   error // of the last event
	chunk  int
}

func newLog(events ...domain.Recorded) *log {
	return &log{events: events, grown: make(chan struct{}), chunk: 7}
}

func (l *log) append(events ...domain.Recorded) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, events...)
	close(l.grown)
	l.grown = make(chan struct{})
}

func (l *log) Decode(s projections.Stored) (domain.Recorded, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, ok := slices.BinarySearchFunc(l.events, s.Position, func(e domain.Recorded, at uint64) int { return cmp.Compare(e.Position, at) })
	if !ok {
		return domain.Recorded{}, fmt.Errorf("no event at %d", s.Position)
	}
	if i == len(l.events)-1 && l.fail != nil {
		return domain.Recorded{}, l.fail
	}
	return l.events[i], nil
}

func (l *log) Outline(s projections.Stored) (domain.Recorded, error) {
	e, err := l.Decode(s)
	e.Event = nil
	return e, err
}

func (l *log) Head(context.Context) (uint64, error) { return 0, nil }

func (l *log) Subscriber(after uint64) message.Subscriber {
	ctx, cancel := context.WithCancel(context.Background())
	return &logSubscriber{log: l, after: after, ctx: ctx, cancel: cancel}
}

func (l *log) Open(m *message.Message) (projections.Delivery, bool) {
	d, ok := m.Context().Value(l).(projections.Delivery)
	return d, ok
}

type logSubscriber struct {
	log    *log
	after  uint64
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func (s *logSubscriber) Close() error { s.cancel(); s.wg.Wait(); return nil }

func (s *logSubscriber) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	out := make(chan *message.Message)
	s.wg.Go(func() {
		defer close(out)
		for {
			d, grown := s.next()
			m := message.NewMessage(uuid.NewString(), nil)
			m.SetContext(context.WithValue(ctx, s.log, d))
			select {
			case out <- m:
				select {
				case <-m.Acked():
				case <-m.Nacked():
					return
				}
			case <-ctx.Done():
				return
			case <-s.ctx.Done():
				return
			}
			if !d.Live {
				continue
			}
			select {
			case <-grown:
			case <-ctx.Done():
				return
			case <-s.ctx.Done():
				return
			}
		}
	})
	return out, nil
}

func (s *logSubscriber) next() (projections.Delivery, <-chan struct{}) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	d := projections.Delivery{Live: true}
	for _, e := range s.log.events {
		if e.Position <= s.after {
			continue
		}
		if len(d.Events) == s.log.chunk {
			d.Live = false
			break
		}
		d.Events = append(d.Events, projections.Stored{Stream: e.Stream, Type: e.Type, Position: e.Position, Created: e.At})
	}
	if n := len(d.Events); n > 0 {
		s.after = d.Events[n-1].Position
	}
	d.Position = s.after
	return d, s.log.grown
}

// start runs a projector until the test ends.
func start(t *testing.T, cfg projections.Config) *projections.Projector {
	t.Helper()
	p, err := projections.NewProjector(cfg)
	require.NoError(t, err)
	failed := make(chan error, 1)
	go func() { failed <- p.Run(context.Background()) }()
	t.Cleanup(func() {
		p.Stop()
		require.NoError(t, <-failed)
	})
	return p
}

func caughtUp(t *testing.T, p *projections.Projector) {
	t.Helper()
	require.Eventually(t, p.CaughtUp, 10*time.Second, time.Millisecond)
}

// mustEqualFold compares a stored view with the fold of the events from nothing.
func mustEqualFold(t *testing.T, store *memory, f projections.Fold, events []domain.Recorded) {
	t.Helper()
	want, err := projections.Documents(f, events...)
	require.NoError(t, err)
	require.Equal(t, want, store.all(f.Spec()))
}

func TestViewsAreTheFoldOfTheEvents(t *testing.T) {
	events := history(500, 13)
	events = append(events, event(9000, "k3", 0, false), event(9010, "k3", 5, false))
	store, feed := newMemory(), newLog(events[:300]...)
	p := start(t, projections.Config{Feed: feed, Store: store, Folds: []projections.Fold{tallies(1), totals()}, MaxBatch: 40, Cache: 4})
	caughtUp(t, p)
	mustEqualFold(t, store, tallies(1), events[:300])
	feed.append(events[300:]...)
	require.Eventually(t, func() bool { return store.position("tallies", 1) == 9010 }, 5*time.Second, time.Millisecond)
	mustEqualFold(t, store, tallies(1), events)
	mustEqualFold(t, store, totals(), events)
	require.Equal(t, []projections.ViewStatus{{"tallies", 1, true, 9010, 0}, {"totals", 1, true, 9010, 0}}, p.Status())
}

func TestARestartResumesBehindTheCheckpoint(t *testing.T) {
	events := history(600, 5)
	store, feed := newMemory(), newLog(events...)
	cfg := projections.Config{Feed: feed, Store: store, Folds: []projections.Fold{tallies(1)}, MaxBatch: 9, MaxSpool: 1}
	for i := range 6 {
		store.failAfter(i) // every commit after the i-th one fails until the restart
		p, err := projections.NewProjector(cfg)
		require.NoError(t, err)
		done := make(chan error)
		go func() { done <- p.Run(context.Background()) }()
		require.Eventually(t, store.failing, 5*time.Second, time.Millisecond)
		require.False(t, p.CaughtUp())
		p.Stop()
		require.NoError(t, <-done)
	}
	store.failAfter(-1)
	caughtUp(t, start(t, cfg))
	mustEqualFold(t, store, tallies(1), events)
}

func TestAStoreThatComesBackIsWaitedFor(t *testing.T) {
	store, feed := newMemory(), newLog(history(20, 3)...)
	store.failAfter(0)
	p := start(t, projections.Config{Feed: feed, Store: store, Folds: []projections.Fold{tallies(1)}})
	require.Eventually(t, store.failing, 5*time.Second, time.Millisecond)
	require.False(t, p.CaughtUp())
	store.failAfter(-1)
	caughtUp(t, p)
	mustEqualFold(t, store, tallies(1), history(20, 3))
}

func TestAnEventThatCannotBeFoldedParksItsDocumentOnly(t *testing.T) {
	good := history(60, 4)
	events := append([]domain.Recorded{}, good...)
	events[20] = event(int(events[20].Position), "k0", 1, true) // k0 has four events before it
	store, feed := newMemory(), newLog(events...)
	p := start(t, projections.Config{Feed: feed, Store: store, Folds: []projections.Fold{tallies(1), totals()}, MaxBatch: 16})
	caughtUp(t, p)
	docs := store.all(tallies(1).Spec())
	var before []domain.Recorded
	for i, e := range good {
		if e.Event.(counted).Key != "k0" || i < 20 {
			before = append(before, e)
		}
	}
	want, err := projections.Documents(tallies(1), before...)
	require.NoError(t, err)
	require.Equal(t, want, docs)
	mustEqualFold(t, store, totals(), events)
	parked, err := projections.ListParked(t.Context(), store, tallies(1).Spec())
	require.NoError(t, err)
	require.Len(t, parked, 1)
	require.Equal(t, "k0", parked[0].ID)
	require.Equal(t, events[20].Position, parked[0].Position)
	require.Equal(t, "bad event", parked[0].Error)
	_, is, err := projections.IsParked(t.Context(), store, tallies(1).Spec(), "k0")
	require.NoError(t, err)
	require.True(t, is)
	require.Equal(t, 1, p.Status()[0].Parked)

	p.Stop() // parked documents stay parked after a restart
	feed.append(event(5000, "k0", 1, false), event(5010, "k1", 1, false))
	p = start(t, projections.Config{Feed: feed, Store: store, Folds: []projections.Fold{tallies(1)}})
	caughtUp(t, p)
	require.Equal(t, docs["k0"], store.all(tallies(1).Spec())["k0"])
	require.NotEqual(t, docs["k1"], store.all(tallies(1).Spec())["k1"])
}

func TestAKeysThatPanicsParksTheEvent(t *testing.T) {
	store, feed := newMemory(), newLog(event(10, "a", 1, false), event(20, "a", -1, false), event(30, "a", 2, false))
	p := start(t, projections.Config{Feed: feed, Store: store, Folds: []projections.Fold{totals()}})
	caughtUp(t, p)
	require.Equal(t, 3, store.all(totals().Spec())["all"].(*tally).Sum)
	parked, err := projections.ListParked(t.Context(), store, totals().Spec())
	require.NoError(t, err)
	require.Len(t, parked, 1)
	require.Contains(t, parked[0].Error, "negative")
}

func TestAnUnknownEventStopsTheProjectionsBeforeIt(t *testing.T) {
	unknown := errors.New("unknown event type")
	for _, chunk := range []int{7, 500} { // in history that is sorted first, and in news
		events := history(100, 2)
		store, feed := newMemory(), newLog(events...)
		feed.fail, feed.chunk = unknown, chunk
		p := start(t, projections.Config{Feed: feed, Store: store, Folds: []projections.Fold{tallies(1), totals()}, MaxBatch: 20})
		require.Eventually(t, func() bool { return p.Stopped() != nil }, 10*time.Second, time.Millisecond)
		require.ErrorIs(t, p.Stopped(), unknown)
		require.False(t, p.CaughtUp())
		for _, f := range []projections.Fold{tallies(1), totals()} {
			mustEqualFold(t, store, f, events[:99])
			require.Equal(t, events[98].Position, store.position(f.Spec().Name, 1), "it stands before what it does not know")
		}
	}
}

func TestNothingCommitsAfterStop(t *testing.T) {
	for range 20 {
		store, feed := newMemory(), newLog(history(400, 5)...)
		p, err := projections.NewProjector(projections.Config{Feed: feed, Store: store, Folds: []projections.Fold{tallies(1)}, MaxBatch: 3})
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() { done <- p.Run(context.Background()) }()
		require.Eventually(t, func() bool { return store.position("tallies", 1) > 0 }, 5*time.Second, 100*time.Microsecond)
		p.Stop()
		at := store.position("tallies", 1)
		feed.append(event(99_000, "k0", 1, false))
		time.Sleep(3 * time.Millisecond)
		require.Equal(t, at, store.position("tallies", 1))
		require.NoError(t, <-done)
	}
}

func TestDocumentsAreNeverChangedOnceStored(t *testing.T) {
	store, feed := newMemory(), newLog(history(300, 4)...)
	store.freeze = true // remembers each document as JSON and compares at the end
	p := start(t, projections.Config{Feed: feed, Store: store, Folds: []projections.Fold{tallies(1), totals()}, MaxBatch: 5})
	caughtUp(t, p)
	store.mustBeFrozen(t)
}
