package limits

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

const (
	// interval is how long after an exchange the next one begins.
	interval = time.Second
	// exchanging bounds one exchange. No request waits for it.
	exchanging = 2 * time.Second
	// batch bounds the counts that are told in one statement.
	batch = 250
	// lasting is how long a count may matter: its own window and the next.
	lasting = 2 * window
	// overlap is what is read again each time: a count is stamped before others can see it, by as much as an exchange takes.
	overlap = exchanging
)

// Count is what a node counted of one caller's requests under one limit. It tells no time, since the nodes' clocks differ:
// Since is how long before the telling the window began that Now was counted in.
type Count struct {
	Limit, Caller string
	Now, Before   int
	Since         time.Duration
}

// Ledger is where nodes leave their counts for one another. It stamps each with a clock of its own, by which it also tells
// how old one is. Safe for concurrent use by several processes.
type Ledger interface {
	// Tell leaves a node's counts, at most one for each caller of a limit, in place of those that it left of them before.
	Tell(ctx context.Context, node string, counts []Count) error
	// Hear passes on what other nodes left since a time by the ledger's clock, and answers the time until which it did. It
	// may pass on something twice.
	Hear(ctx context.Context, node string, since time.Time, each func(node string, c Count, age time.Duration)) (until time.Time, err error)
	// Sweep removes what counts no more.
	Sweep(ctx context.Context) error
}

// Exchange lets limits hold over all nodes without a request waiting for the network: each second it leaves in the ledger
// what this node counted, and hears what the others did.
//
// What passes of one caller in a window, over all N nodes, is the limit and what the other N-1 nodes let pass before they
// heard that it was reached: two intervals' worth and the time the two statements take. It is never more than N times the
// limit, because each node also keeps the limit for itself. Up to 20 nodes nothing else is added; beyond that, a caller who
// stays below a twentieth of the limit on every node is not told of (worthTelling).
//
// While the ledger is away, what was heard loses its weight within two windows, and each node's own limit holds. A node that
// dies is forgotten in the same way. A node that starts hears at once what still counts.
type Exchange struct {
	ledger Ledger
	node   string
	clock  func() time.Time
	logger *slog.Logger
	limits map[string]*Limit

	until time.Time // by the ledger's clock
	swept time.Time
	away  bool
}

// NewExchange prepares an exchange for a node, whose name must be its own and another after each start. It does not reach
// for the ledger yet.
func NewExchange(ledger Ledger, node string, clock func() time.Time, logger *slog.Logger) *Exchange {
	return &Exchange{ledger: ledger, node: node, clock: clock, logger: logger, limits: map[string]*Limit{}, swept: clock()}
}

// Limit adds a limit of so many requests a minute, which has the same name on every node. Not to be called while Run or Once
// runs.
func (e *Exchange) Limit(name string, most int) *Limit {
	l := newLimit(name, most, e.clock)
	e.limits[name] = l
	return l
}

// Run exchanges counts until the context ends. A ledger that cannot be reached is left alone for some seconds each time.
func (e *Exchange) Run(ctx context.Context) {
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		err := e.Once(ctx)
		if ctx.Err() != nil {
			return
		}
		pause := interval
		if err != nil {
			pause = rest
		}
		if away := err != nil; away != e.away {
			e.away = away
			if away {
				e.logger.Warn("requests are counted by this node alone: the counts of others cannot be reached", "error", err)
			} else {
				e.logger.Info("requests are counted together with other nodes again")
			}
		}
		next.Reset(pause)
	}
}

// Once exchanges counts once, bounded in time. It hears before it tells, because what it hears may be what makes a count worth
// telling, and tells also when it could not hear.
func (e *Exchange) Once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, exchanging)
	defer cancel()
	until, err := e.ledger.Hear(ctx, e.node, e.until, func(node string, c Count, age time.Duration) {
		if l := e.limits[c.Limit]; l != nil { // a newer node may have limits that this one does not know
			l.heard(node, c, age)
		}
	})
	if err == nil {
		e.until = until
	}
	for _, l := range e.limits {
		l.prune()
	}
	if err = errors.Join(err, e.tell(ctx)); err == nil && e.clock().Sub(e.swept) >= window {
		e.swept = e.clock()
		err = e.ledger.Sweep(ctx)
	}
	if err != nil {
		return fmt.Errorf("exchange counts: %w", err)
	}
	return nil
}

func (e *Exchange) tell(ctx context.Context) error {
	for _, l := range e.limits {
		for {
			counts := l.tell(batch)
			if len(counts) == 0 {
				break
			}
			if err := e.ledger.Tell(ctx, e.node, counts); err != nil {
				l.untold(counts)
				return err
			}
			if len(counts) < batch {
				break
			}
		}
	}
	return nil
}

// from is the time since when a ledger has to read, given its own time now. What is in its future, because another server
// with another clock has taken over, would never be reached.
func from(since, now time.Time) time.Time {
	if since.After(now) {
		since = now
	}
	if since = since.Add(-overlap); now.Sub(since) > lasting {
		return now.Add(-lasting)
	}
	return since
}
