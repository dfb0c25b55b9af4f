package http

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

// acceptPause is how long the listener waits before it accepts again, where the system had no file or memory for a connection.
const acceptPause = 50 * time.Millisecond

// listener bounds the connections of a server, and survives what the system may answer to an accept. It knows the
// unused ones, on which nothing was asked yet: browsers open some ahead and keep them. Past the bound an unused
// connection makes room for the new one, so that idle connections cannot shut others out. At shutdown the unused ones
// are closed, since the server's own shutdown would wait for each. Safe for concurrent use.
type listener struct {
	net.Listener
	max    int // connections at once; 0 means no bound
	closed func()
	log    *slog.Logger

	mu       sync.Mutex
	open     int
	unused   map[*trackedConn]struct{}
	ending   bool
	shedding bool // the bound was met, and not all but a quarter of it is free again
}

// trackedConn tells the listener when its first bytes come, and when it is closed.
type trackedConn struct {
	net.Conn
	by    *listener
	used  sync.Once
	ended sync.Once
}

// trackedTLS is one that the server still knows for TLS.
type trackedTLS struct {
	*trackedConn
	*tlsState
}

// tlsState is what the server asks of a TLS connection beside what it asks of every other.
type tlsState struct{ conn *tls.Conn }

// Handshake is the connection's own.
func (t tlsState) Handshake() error { return t.conn.Handshake() } //nolint:noctx // the server asks by an interface without a context

// ConnectionState is the connection's own.
func (t tlsState) ConnectionState() tls.ConnectionState { return t.conn.ConnectionState() }

// Accept implements net.Listener. Its error is final: a lack of files or memory, and a connection that its client has
// aborted, are waited out, and said once.
func (l *listener) Accept() (net.Conn, error) {
	for failed := false; ; {
		c, err := l.Listener.Accept()
		switch {
		case err == nil:
			if failed {
				l.log.Info("connections are accepted again")
			}
			return l.track(c), nil
		case !passing(err):
			return nil, err
		case !failed:
			failed = true
			l.log.Warn("connections cannot be accepted for now", "error", err)
		}
		time.Sleep(acceptPause)
	}
}

// passing tells that an accept failed for a reason that does not lie in the listener.
func passing(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR, syscall.EPERM} {
		if errors.Is(err, e) {
			return true
		}
	}
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func (l *listener) track(c net.Conn) net.Conn {
	t := &trackedConn{Conn: c, by: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.max > 0 && l.open >= l.max {
		l.shed(t)
	}
	l.open++
	l.unused[t] = struct{}{}
	if l.ending {
		t.abort() // the server reads the error
	}
	if tc, ok := c.(*tls.Conn); ok {
		return trackedTLS{t, &tlsState{tc}}
	}
	return t
}

// shed closes an unused connection, drawn by the map's order, or else the new one. The caller holds mu.
func (l *listener) shed(newest *trackedConn) {
	if !l.shedding {
		l.shedding = true
		l.log.Warn("connections are at their bound: unused ones are closed", "bound", l.max)
	}
	l.closed()
	victim := newest
	for t := range l.unused {
		victim = t
		break
	}
	delete(l.unused, victim)
	if victim != newest {
		victim.ended.Do(func() { l.open-- })
	}
	victim.abort()
}

// abort closes a connection without a farewell, which TLS would wait for.
func (t *trackedConn) abort() {
	if c, ok := t.Conn.(*tls.Conn); ok {
		_ = c.NetConn().Close()
		return
	}
	_ = t.Conn.Close()
}

// Read implements net.Conn.
func (t *trackedConn) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if n > 0 {
		t.used.Do(func() {
			t.by.mu.Lock()
			defer t.by.mu.Unlock()
			delete(t.by.unused, t)
		})
	}
	return n, err
}

// Close implements net.Conn.
func (t *trackedConn) Close() error {
	t.by.mu.Lock()
	t.ended.Do(func() { t.by.open-- })
	delete(t.by.unused, t)
	if t.by.shedding && t.by.open < t.by.max*3/4 {
		t.by.shedding = false
		t.by.log.InfoContext(context.Background(), "connections are below their bound again")
	}
	t.by.mu.Unlock()
	return t.Conn.Close()
}

// closeUnused closes the unused connections, and those that are still to come: a client may ask elsewhere, since
// nothing was begun.
func (l *listener) closeUnused() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ending = true
	for t := range l.unused {
		t.abort()
	}
}
