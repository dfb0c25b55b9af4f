package http

import (
	"context"
	"io"
	"net"
	nethttp "net/http"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
)

// A browser's connection that it opened ahead does not keep the server from ending, and what is under way is finished.
func TestAServerDoesNotWaitForWhoNeverAsked(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	begun := make(chan struct{})
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/slow", func(c *fiber.Ctx) error {
		close(begun)
		time.Sleep(300 * time.Millisecond)
		return c.SendString("finished")
	})
	s := &Server{app: app, done: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()

	ahead, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer ahead.Close()
	answer := make(chan string, 1)
	go func() {
		req, err := nethttp.NewRequestWithContext(t.Context(), nethttp.MethodGet, "http://"+l.Addr().String()+"/slow", nethttp.NoBody)
		if err != nil {
			answer <- err.Error()
			return
		}
		res, err := nethttp.DefaultClient.Do(req)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answer <- string(body)
	}()
	<-begun
	stop()
	if got := <-answer; got != "finished" {
		t.Fatalf("under way: %s", got)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(drainTimeout / 2):
		t.Fatal("the server waits for a connection on which nothing was asked")
	}
}
