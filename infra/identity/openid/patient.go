package openid

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// patient is a transport that asks for the provider's keys at most once in a while. The library fetches them for
// every token whose key it does not know, so without this a stranger with made-up key ids could make us flood the
// provider. A rotated key is found that much later at most.
type patient struct {
	next    http.RoundTripper // the default one when nil
	keysFor time.Duration
	clock   func() time.Time

	keysURL atomic.Pointer[string]

	mu     sync.Mutex // one fetch of the keys at a time
	at     time.Time
	status int
	header http.Header
	body   []byte
}

// watch names the address of the keys.
func (p *patient) watch(keysURL string) { p.keysURL.Store(&keysURL) }

// RoundTrip implements http.RoundTripper.
func (p *patient) RoundTrip(r *http.Request) (*http.Response, error) {
	next := p.next
	if next == nil {
		next = http.DefaultTransport
	}
	if u := p.keysURL.Load(); u == nil || r.Method != http.MethodGet || r.URL.String() != *u {
		return next.RoundTrip(r)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at.IsZero() || p.clock().Sub(p.at) >= p.keysFor {
		res, err := next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close() //nolint:errcheck // read to its end
		body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		if err != nil {
			return nil, err
		}
		p.at, p.status, p.header, p.body = p.clock(), res.StatusCode, res.Header, body
	}
	return &http.Response{
		Status: http.StatusText(p.status), StatusCode: p.status, Header: p.header.Clone(), Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: io.NopCloser(bytes.NewReader(p.body)), ContentLength: int64(len(p.body)),
	}, nil
}
