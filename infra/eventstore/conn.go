package eventstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"zhiping/commands"
)

// errClosed answers calls after Close.
var errClosed = errors.New("eventstore: closed")

const (
	backoffMin = 20 * time.Millisecond
	backoffMax = 2 * time.Second
	// grace is how long a call may outlast its context before its client counts as stuck. Calls over gRPC
	// return as soon as their context ends; only the client's wait for a connection does not.
	grace = 250 * time.Millisecond
	// patience is how long a call waits for a connection: long enough to hide a restart of the store, short
	// enough that requests do not pile up behind one that is down.
	patience = 2 * time.Second
)

// dialer lends out one client at a time and replaces it when it is of no more use.
type dialer struct {
	name string
	conf esdb.Configuration
	Config
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	owned  sync.WaitGroup // dial goroutines and calls under way

	mu      sync.Mutex
	current *lease        // nil while there is none
	dialing chan struct{} // closed when the dial under way has ended; nil when there is none
	failed  error         // of the last dial
	closed  bool
}

// lease is a client and how many calls use it. It is closed when it is retired and the last call has ended:
// closing it earlier would make a call of that package send on a closed channel.
type lease struct {
	client  *esdb.Client
	calls   int
	retired bool
}

func newDialer(name string, cfg Config) (*dialer, error) {
	conf, err := cfg.parse()
	if err != nil {
		return nil, err
	}
	d := &dialer{name: name, conf: conf, Config: cfg}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d, nil
}

// borrow waits for a client until ctx or our patience ends. The caller gives it back with release.
func (d *dialer) borrow(ctx context.Context) (*lease, error) {
	ctx, cancel := context.WithTimeout(ctx, min(d.Timeout, patience))
	defer cancel()
	for {
		d.mu.Lock()
		if d.closed {
			d.mu.Unlock()
			return nil, errClosed
		}
		if l := d.current; l != nil {
			l.calls++
			d.mu.Unlock()
			return l, nil
		}
		if d.dialing == nil {
			d.dialing = make(chan struct{})
			d.owned.Add(1)
			go d.dial(d.dialing)
		}
		wait := d.dialing
		d.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, d.unreachable(ctx.Err())
		}
	}
}

func (d *dialer) unreachable(cause error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed != nil {
		cause = fmt.Errorf("%w (last attempt: %w)", cause, d.failed)
	}
	return fmt.Errorf("%w: %w", commands.ErrStoreUnavailable, cause)
}

// dial tries until there is a client or the dialer is closed. It goes on without anyone waiting, so that the
// next caller finds a client there.
func (d *dialer) dial(done chan struct{}) {
	defer d.owned.Done()
	for delay := backoffMin; ; delay = min(2*delay, backoffMax) {
		client, err := d.connect()
		d.mu.Lock()
		if err == nil && !d.closed {
			d.current, d.failed = &lease{client: client}, nil
		}
		d.failed = err
		closed := d.closed
		if err == nil || closed {
			d.dialing = nil
			d.mu.Unlock()
			if closed && client != nil {
				_ = client.Close()
			}
			close(done)
			return
		}
		d.mu.Unlock()
		d.Logger.Warn("event store not reachable", "connection", d.name, "error", err, "retry", delay)
		sleep(d.ctx, jitter(delay))
	}
}

// connect finds out with a client of its own whether there is a server, because a client that fails to find
// one is dead and takes its waiting callers with it.
func (d *dialer) connect() (*esdb.Client, error) {
	probe, err := esdb.NewClient(probing(d.conf))
	if err != nil {
		return nil, err
	}
	_, err = probe.GetServerVersion()
	_ = probe.Close()
	if err != nil {
		return nil, err
	}
	return esdb.NewClient(lasting(d.conf))
}

// retire stops lending a client out. The next call makes another.
func (d *dialer) retire(l *lease, cause error) {
	d.mu.Lock()
	first := !l.retired
	l.retired = true
	if d.current == l {
		d.current = nil
	}
	d.mu.Unlock()
	if first && d.ctx.Err() == nil {
		d.Logger.Warn("event store connection lost", "connection", d.name, "error", cause)
		d.Observe.Reconnect(d.name, cause)
	}
}

func (d *dialer) release(l *lease) {
	d.mu.Lock()
	l.calls--
	last := l.retired && l.calls == 0
	d.mu.Unlock()
	if last {
		_ = l.client.Close()
	}
}

// do runs one call on a client. It returns when the call has ended or, the client being stuck, shortly after
// ctx has; the abandoned call then ends by itself when the client finds a server again.
func (d *dialer) do(ctx context.Context, call func(context.Context, *esdb.Client) error) error {
	l, err := d.borrow(ctx)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		defer d.release(l)
		err := call(ctx, l.client)
		if gone(err) {
			d.retire(l, err)
		}
		done <- err
	}()
	select {
	case err = <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err = <-done:
		return err
	case <-time.After(grace):
		d.retire(l, context.Cause(ctx))
		return context.Cause(ctx)
	}
}

// close ends dialing and retires the client. Calls under way end with their own contexts.
func (d *dialer) close() {
	d.mu.Lock()
	d.closed = true
	l := d.current
	d.current = nil
	idle := l != nil && l.calls == 0
	if l != nil {
		l.retired = true
	}
	d.mu.Unlock()
	d.cancel()
	if idle {
		_ = l.client.Close()
	}
	d.owned.Wait()
}

// jitter spreads a delay over its upper half, so that clients which lost one server do not return in step.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) } // #nosec G404 -- jitter, not a secret

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
