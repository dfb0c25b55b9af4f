package http

import (
	"crypto/tls"
	"net"
	"sync"
)

// silent are a listener's connections on which nothing was ever asked. Browsers open some ahead and keep them; the
// server's own shutdown would wait for each, since a request could still come. Safe for concurrent use.
type silent struct {
	net.Listener
	mu     sync.Mutex
	conns  map[*heard]struct{}
	ending bool
}

// heard tells when the first bytes come.
type heard struct {
	net.Conn
	by   *silent
	once sync.Once
}

// heardTLS is one that the server still knows for TLS.
type heardTLS struct {
	*heard
	*tlsState
}

// tlsState is what the server asks of a TLS connection beside what it asks of every other.
type tlsState struct{ conn *tls.Conn }

// Handshake is the connection's own.
func (t tlsState) Handshake() error { return t.conn.Handshake() } //nolint:noctx // the server asks by an interface without a context

// ConnectionState is the connection's own.
func (t tlsState) ConnectionState() tls.ConnectionState { return t.conn.ConnectionState() }

// Accept implements net.Listener.
func (s *silent) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	h := &heard{Conn: c, by: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		_ = c.Close() // whoever serves it reads the error
	}
	s.conns[h] = struct{}{}
	if t, ok := c.(*tls.Conn); ok {
		return heardTLS{h, &tlsState{t}}, nil
	}
	return h, nil
}

// Read implements net.Conn.
func (h *heard) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	if n > 0 {
		h.once.Do(h.forget)
	}
	return n, err
}

// Close implements net.Conn.
func (h *heard) Close() error {
	h.once.Do(h.forget)
	return h.Conn.Close()
}

func (h *heard) forget() {
	h.by.mu.Lock()
	defer h.by.mu.Unlock()
	delete(h.by.conns, h)
}

// hangUp closes them, and those that are still to come. Whoever was about to ask may ask elsewhere: nothing was begun.
func (s *silent) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending = true
	for h := range s.conns {
		_ = h.Conn.Close()
	}
}
