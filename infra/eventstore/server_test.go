package eventstore_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/infra/esdbserver"
	"zhiping/infra/eventstore"
	"zhiping/infra/eventstore/eventstoretest"
)

// server is an embedded event store that can be stopped and started while clients are connected.
type server struct {
	tb      testing.TB
	dir     string
	mu      sync.Mutex
	running *esdbserver.Server
	address string
}

func startServer(tb testing.TB) *server {
	tb.Helper()
	dir, err := os.MkdirTemp("", "es") // t.TempDir makes paths too long for a socket
	require.NoError(tb, err)
	s := &server{tb: tb, dir: dir}
	s.start()
	tb.Cleanup(func() { s.stop(); _ = os.RemoveAll(dir) })
	return s
}

func (s *server) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	run, err := esdbserver.Open(context.Background(), esdbserver.Config{Path: s.dir, Socket: filepath.Join(s.dir, "s")})
	require.NoError(s.tb, err)
	s.running, s.address = run, run.Endpoint()
}

func (s *server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_ = s.running.Close(ctx) // calls that are cut off are what these tests are about
	s.running = nil
}

func (s *server) restart() { s.stop(); s.start() }

func (s *server) client(tb testing.TB, change ...func(*eventstore.Config)) *eventstore.Client {
	tb.Helper()
	cfg := eventstore.Config{Address: s.address}
	for _, c := range change {
		c(&cfg)
	}
	c, err := eventstore.Open(cfg, newCodec(tb))
	require.NoError(tb, err)
	tb.Cleanup(c.Close)
	return c
}

func TestTheClientKeepsThePortsContract(t *testing.T) {
	eventstoretest.Run(t, func(t *testing.T) eventstoretest.Fixture {
		s := startServer(t)
		return eventstoretest.Fixture{Store: s.client(t), Restart: s.restart}
	})
}

func TestAStoreThatIsAwayIsSaidToBe(t *testing.T) {
	s := startServer(t)
	var mu sync.Mutex
	lost := 0
	c := s.client(t, func(cfg *eventstore.Config) {
		cfg.Observe.Reconnect = func(string, error) { mu.Lock(); lost++; mu.Unlock() }
	})
	require.NoError(t, c.Ping(t.Context()))
	s.stop()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := c.Append(ctx, "test-1", commands.NoStream, []domain.Proposed{eventstoretest.Note("a", 1)})
	require.ErrorIs(t, err, commands.ErrStoreUnavailable)
	_, err = c.Read(ctx, "test-1", 0)
	require.ErrorIs(t, err, commands.ErrStoreUnavailable)
	require.Less(t, time.Since(began), 2*time.Second, "a call ends with its context")
	mu.Lock()
	require.Positive(t, lost)
	mu.Unlock()
	s.start()
	require.Eventually(t, func() bool { return c.Ping(t.Context()) == nil }, 10*time.Second, 10*time.Millisecond)
}

func TestAClientMayStartBeforeItsStore(t *testing.T) {
	s := startServer(t)
	s.stop()
	c := s.client(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, c.Ping(ctx), commands.ErrStoreUnavailable)
	s.start()
	require.NoError(t, c.Ping(t.Context()))
}

func TestAClosedClientRefuses(t *testing.T) {
	s := startServer(t)
	c := s.client(t)
	require.NoError(t, c.Ping(t.Context()))
	c.Close()
	require.ErrorIs(t, c.Ping(t.Context()), commands.ErrStoreUnavailable)
}

// Views hear of our events only, so whoever waits for them to reach the head would wait for ever behind one of the
// store's own.
func TestTheHeadIsTheLastEventOfOurs(t *testing.T) {
	c := startServer(t).client(t)
	p := eventstore.NewPublisher(c)
	system := func() {
		m := message.NewMessage(uuid.NewString(), []byte(`{}`))
		m.Metadata[eventstore.KeyType] = "$test"
		require.NoError(t, p.Publish("test-sys", m))
	}
	head := func() uint64 {
		t.Helper()
		at, err := c.Head(t.Context())
		require.NoError(t, err)
		return at
	}
	require.Zero(t, head())
	system()
	require.Zero(t, head())
	a, err := c.Append(t.Context(), "test-a", commands.NoStream, []domain.Proposed{eventstoretest.Note("n", 1)})
	require.NoError(t, err)
	require.Equal(t, a.Position, head())
	for range 150 {
		system()
	}
	require.Equal(t, a.Position, head())
}

func TestReadingAllStreams(t *testing.T) {
	c := startServer(t).client(t)
	var at []uint64
	for i := range 10 {
		e := eventstoretest.Note("n", i)
		if i%2 == 1 {
			e.Type, e.Event = "TestStruck", eventstoretest.Struck{N: i}
		}
		a, err := c.Append(t.Context(), "test-"+string(rune('a'+i%3)), int64(i/3)-1, []domain.Proposed{e})
		require.NoError(t, err)
		at = append(at, a.Position)
	}
	head, err := c.Head(t.Context())
	require.NoError(t, err)
	require.Equal(t, at[9], head)

	page := func(q eventstore.All) ([]uint64, eventstore.Page) {
		p, err := c.ReadAll(t.Context(), q)
		require.NoError(t, err)
		var got []uint64
		for _, e := range p.Events {
			got = append(got, e.Position)
		}
		return got, p
	}
	got, p := page(eventstore.All{Limit: 100})
	require.Equal(t, at, got)
	require.False(t, p.More)
	got, p = page(eventstore.All{Limit: 4})
	require.Equal(t, at[:4], got)
	require.True(t, p.More)
	got, _ = page(eventstore.All{After: p.Next, Limit: 100})
	require.Equal(t, at[4:], got)
	got, p = page(eventstore.All{Backward: true, Limit: 3})
	require.Equal(t, []uint64{at[9], at[8], at[7]}, got)
	got, _ = page(eventstore.All{Backward: true, After: p.Next, Limit: 2})
	require.Equal(t, []uint64{at[6], at[5]}, got)
	got, _ = page(eventstore.All{Types: []string{"TestStruck"}, Limit: 100})
	require.Equal(t, []uint64{at[1], at[3], at[5], at[7], at[9]}, got)
}

func TestNothingIsLeftRunningAfterClose(t *testing.T) {
	s := startServer(t)
	before := ours()
	for range 3 {
		c, err := eventstore.Open(eventstore.Config{Address: s.address}, newCodec(t))
		require.NoError(t, err)
		require.NoError(t, c.Ping(t.Context()))
		sub := eventstore.NewSubscriber(c, eventstore.SubscriberConfig{})
		_, err = sub.Subscribe(t.Context(), eventstore.AllStreams)
		require.NoError(t, err)
		require.NoError(t, sub.Close())
		c.Close()
	}
	require.Eventually(t, func() bool { return ours() <= before }, 5*time.Second, 10*time.Millisecond)
}

// ours counts goroutines of the adapter and of the client below it. Watermill's suite leaves some subscriptions open.
func ours() int {
	buf := make([]byte, 4<<20)
	all := string(buf[:runtime.Stack(buf, true)])
	return strings.Count(all, "connectionStateMachine") + strings.Count(all, "infra/eventstore.(")
}
