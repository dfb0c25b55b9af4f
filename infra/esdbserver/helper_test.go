package esdbserver_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"zhiping/infra/esdbserver"
)

// How long, and how often, tests look for what happens behind an answer.
const (
	waitLimit = 10 * time.Second
	waitStep  = 5 * time.Millisecond
)

// start runs a server in a directory until the test ends or it is stopped.
func start(t testing.TB, dir string, change ...func(*esdbserver.Config)) (s *esdbserver.Server, stop func()) {
	t.Helper()
	cfg := esdbserver.Config{Path: dir, Socket: filepath.Join(dir, "es.sock")}
	for _, c := range change {
		c(&cfg)
	}
	s, err := esdbserver.Open(context.Background(), cfg)
	require.NoError(t, err)
	stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		require.NoError(t, s.Close(ctx))
	}
	t.Cleanup(stop)
	return s, stop
}

// dial makes an official client of a server.
func dial(t testing.TB, s *esdbserver.Server) *esdb.Client {
	t.Helper()
	conf, err := esdb.ParseConnectionString(s.ConnectionString())
	require.NoError(t, err)
	conf.Address = s.Endpoint()
	conf.Logger = esdb.NoopLogging()
	c, err := esdb.NewClient(conf)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// connect is a server and a client for a test that needs nothing special.
func connect(t testing.TB) *esdb.Client {
	t.Helper()
	s, _ := start(t, t.TempDir())
	return dial(t, s)
}

// event makes the n-th event of a test; its data is its number.
func event(n int) esdb.EventData {
	return esdb.EventData{
		EventID: uuid.New(), EventType: "Counted", ContentType: esdb.ContentTypeJson, Data: fmt.Appendf(nil, `{"n":%d}`, n),
	}
}

func events(from, to int) []esdb.EventData {
	var out []esdb.EventData
	for n := from; n < to; n++ {
		out = append(out, event(n))
	}
	return out
}

// bounded ends a test that hangs. It leaves time for a busy machine and the race detector.
func bounded(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// collect reads what a call returns to its end.
func collect(t testing.TB, rs *esdb.ReadStream, err error) []*esdb.ResolvedEvent {
	t.Helper()
	out, err := drain(rs, err)
	require.NoError(t, err)
	return out
}
