package http

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
)

// failing answers with errors, in turn, before it accepts.
type failing struct {
	net.Listener
	errs []error
}

func (f *failing) Accept() (net.Conn, error) {
	if len(f.errs) == 0 {
		return f.Listener.Accept()
	}
	err := f.errs[0]
	f.errs = f.errs[1:]
	return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", err)}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// What the system may answer to an accept does not end the server, and is said once an episode.
func TestAcceptingSurvivesALackOfFilesAndMemory(t *testing.T) {
	for name, errs := range map[string][]error{
		"no file of the process":  {syscall.EMFILE, syscall.EMFILE, syscall.EMFILE},
		"no file of the system":   {syscall.ENFILE},
		"no memory, then buffers": {syscall.ENOMEM, syscall.ENOBUFS},
		"aborted by the client":   {syscall.ECONNABORTED, syscall.ECONNRESET},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var said strings.Builder
			l := &listener{Listener: &failing{listen(t), errs}, closed: func() {}, unused: map[*trackedConn]struct{}{},
				log: slog.New(slog.NewTextHandler(&said, nil))}
			_ = dial(t, l)
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
			if lines := strings.Count(said.String(), "\n"); lines != 2 {
				t.Errorf("%d lines for one episode:\n%s", lines, said.String())
			}
		})
	}
	l := &listener{Listener: &failing{listen(t), []error{syscall.EINVAL}}}
	if _, err := l.Accept(); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a broken listener: %v", err)
	}
}

// However many connections are opened and left unused, the next one is answered.
func TestUnusedConnectionsMakeRoom(t *testing.T) {
	const bound = 8
	var closed atomic.Int64
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/", func(c *fiber.Ctx) error { return c.SendString("answered") })
	s := &Server{app: app, done: make(chan struct{}), Config: Config{MaxConnections: bound, ConnectionClosed: func() { closed.Add(1) }, Logger: slog.New(slog.DiscardHandler)}}
	l := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	for round := range 3 {
		for range 5 * bound {
			_ = dial(t, l)
		}
		answered := false
		for try := 0; try < 20 && !answered; try++ { // one that was drawn to make room asks again, as a browser does
			c := dial(t, l)
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			_, _ = fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			status, err := bufio.NewReader(c).ReadString('\n')
			answered = err == nil && strings.HasPrefix(status, "HTTP/1.1 200")
			_ = c.Close()
		}
		if !answered {
			t.Fatalf("round %d: no answer beside unused connections", round)
		}
	}
	if closed.Load() < 3*4*bound {
		t.Errorf("only %d connections made room", closed.Load())
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
