package world

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"zhiping/cmd/zhiping/internal/node"
)

// StartInProcess serves the demo from this process with a clock that the test moves on, and answers how.
func StartInProcess(t testing.TB) (s *Server, pass func(time.Duration)) {
	t.Helper()
	var ahead atomic.Int64
	s = &Server{T: t, Data: t.TempDir(), Log: &Log{}}
	address, done := make(chan string, 1), make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	serve := &node.Options{Addr: "127.0.0.1:0", Data: s.Data, Demo: true, Log: "error", Roles: "all",
		Clock:     func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		Listening: func(a string) { address <- a }}
	go func() { done <- node.Run(ctx, serve, io.Discard) }()
	t.Cleanup(func() {
		stop()
		http.DefaultClient.CloseIdleConnections() // else the server waits for them to end
		if err := <-done; err != nil {
			t.Errorf("the server ended: %v", err)
		}
	})
	select {
	case a := <-address:
		s.URL = "http://" + a
	case err := <-done:
		done <- nil
		t.Fatal(err)
	}
	return s, func(d time.Duration) { ahead.Add(int64(d)) }
}

// StartInProcessWith runs a node in this process, until the function that it answers is called.
func StartInProcessWith(t testing.TB, c *node.Options) (s *Server, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s = &Server{T: t, Data: c.Data, Log: &Log{}}
	at, done := make(chan string, 1), make(chan error, 1)
	c.Addr, c.Roles, c.Log, c.Listening = "127.0.0.1:0", "all", "error", func(addr string) { at <- addr }
	go func() { done <- node.Run(ctx, c, io.Discard) }()
	stop = func() {
		cancel()
		if err, ok := <-done; ok && err != nil {
			t.Error(err)
		}
		close(done)
	}
	select {
	case addr := <-at:
		s.URL = "http://" + addr
	case err := <-done:
		t.Fatal(err)
	}
	return s, stop
}
