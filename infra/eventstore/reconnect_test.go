package eventstore_test

import (
	"context"
	"io"
	"math"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"zhiping/infra/eventstore"
)

// load is how many messages how many publishers publish, as in Watermill's own test of reconnection when thorough.
func load() (messages, publishers int) {
	if thorough() {
		return 10_000, 100
	}
	return 600, 20
}

// publish lets many publishers publish to a topic, each repeating a message until it is told that it is stored, while
// the server is restarted at a third and at a half of them. It answers the ids once all are stored.
func publish(t *testing.T, s *server, p message.Publisher, topic string) (ids []string) {
	total, publishers := load()
	var lost atomic.Int64
	var wg sync.WaitGroup
	todo := make(chan string)
	for range publishers {
		wg.Go(func() {
			for id := range todo {
				for p.Publish(topic, message.NewMessage(id, []byte("x"))) != nil && t.Context().Err() == nil {
					lost.Add(1)
				}
			}
		})
	}
	for i := range total {
		ids = append(ids, uuid.NewString())
		todo <- ids[i]
		if i == total/3 || i == total/2 {
			s.restart()
		}
	}
	close(todo)
	wg.Wait()
	t.Logf("%d messages, %d tries without an answer", total, lost.Load())
	return ids
}

// receive counts what comes, by id, until so many different messages have come.
func receive(t *testing.T, messages <-chan *message.Message, total int) map[string]int {
	t.Helper()
	came := make(map[string]int, total)
	for len(came) < total {
		m := next(t, messages)
		came[m.UUID]++
		m.Ack()
	}
	return came
}

// reconnects subscribes, publishes through two restarts, and insists that every message comes at least once and at
// most as often as said, and that the store holds each once, however often it was published.
func reconnects(t *testing.T, s *server, sub message.Subscriber, topic string, most int) {
	t.Helper()
	defer func() { require.NoError(t, sub.Close()) }()
	messages, err := sub.Subscribe(t.Context(), topic)
	require.NoError(t, err)
	published := make(chan []string, 1)
	go func() { published <- publish(t, s, eventstore.NewPublisher(s.client(t)), topic) }()
	total, _ := load()
	came := receive(t, messages, total)
	ids := <-published
	require.Len(t, came, len(ids))
	for _, id := range ids {
		if came[id] < 1 || came[id] > most {
			t.Fatalf("%s came %d times", id, came[id])
		}
	}
	require.Equal(t, total, held(t, s, topic))
}

// held is how many events a stream holds.
func held(t *testing.T, s *server, topic string) int {
	t.Helper()
	sub := eventstore.NewSubscriber(s.client(t), eventstore.SubscriberConfig{Name: "count"})
	defer func() { require.NoError(t, sub.Close()) }()
	messages, err := sub.Subscribe(t.Context(), topic)
	require.NoError(t, err)
	end := uuid.NewString()
	require.NoError(t, eventstore.NewPublisher(s.client(t)).Publish(topic, message.NewMessage(end, nil)))
	for n := 0; ; n++ {
		m := next(t, messages)
		m.Ack()
		if m.UUID == end {
			return n
		}
	}
}

// A catch-up subscription delivers each message exactly once, whatever happens to its connection.
func TestReconnectingACatchUpSubscription(t *testing.T) {
	s := startServer(t)
	reconnects(t, s, eventstore.NewSubscriber(s.client(t), eventstore.SubscriberConfig{Name: t.Name()}), "reconnect", 1)
}

// A group's message that was in hand when the connection was lost comes again.
func TestReconnectingAGroup(t *testing.T) {
	s := startServer(t)
	sub, err := eventstore.NewGroupSubscriber(s.client(t), eventstore.GroupConfig{Group: "g", MaxRetries: 1000})
	require.NoError(t, err)
	reconnects(t, s, sub, "reconnect", math.MaxInt)
}

// proxy stands between a client and a server, and can swallow the answers.
type proxy struct {
	listener net.Listener
	target   string
	mute     atomic.Bool
	wg       sync.WaitGroup
	mu       sync.Mutex
	open     []net.Conn
}

func newProxy(t *testing.T, s *server) *proxy {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(s.dir, "p"))
	require.NoError(t, err)
	p := &proxy{listener: l, target: strings.TrimPrefix(s.address, "unix://")}
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.serve(c)
		}
	})
	t.Cleanup(func() { _ = l.Close(); p.cut(); p.wg.Wait() })
	return p
}

func (p *proxy) serve(client net.Conn) {
	server, err := net.Dial("unix", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	p.mu.Lock()
	p.open = append(p.open, client, server)
	p.mu.Unlock()
	p.wg.Go(func() { _, _ = io.Copy(server, client); _ = server.Close() })
	p.wg.Go(func() { _, _ = io.Copy(answers{p, client}, server); _ = client.Close() })
}

// cut ends all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open {
		_ = c.Close()
	}
	p.open = nil
}

type answers struct {
	*proxy
	client net.Conn
}

func (a answers) Write(b []byte) (int, error) {
	if a.mute.Load() {
		return len(b), nil
	}
	return a.client.Write(b)
}

// A publish whose answer was lost is repeated with the same message, and the store knows it again.
func TestAMessageWhoseAnswerWasLostIsStoredOnce(t *testing.T) {
	s := startServer(t)
	p := newProxy(t, s)
	through := eventstore.NewPublisher(s.client(t, func(c *eventstore.Config) { c.Address = "unix://" + p.listener.Addr().String() }))
	direct := eventstore.NewPublisher(s.client(t))
	m := message.NewMessage(uuid.NewString(), []byte("x"))
	require.NoError(t, through.Publish("lost", message.NewMessage(uuid.NewString(), []byte("the connection is up"))))

	p.mute.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	m.SetContext(ctx)
	require.Error(t, through.Publish("lost", m), "nobody answers")
	require.Equal(t, 2, held(t, s, "lost"), "but it is stored")
	p.mute.Store(false)
	p.cut()

	again := m.Copy()
	for range 500 { // others go on meanwhile
		require.NoError(t, direct.Publish("lost", message.NewMessage(uuid.NewString(), []byte("y"))))
	}
	s.restart()
	require.NoError(t, through.Publish("lost", again))
	require.NoError(t, direct.Publish("lost", again))
	require.Equal(t, 2+1+500, held(t, s, "lost"), "the end of the first count besides")
}
