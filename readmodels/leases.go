package readmodels

import (
	"context"
	"errors"
	"time"
)

// ErrLeaseLost means that the lease is no longer held under this token: its holder stops its work.
var ErrLeaseLost = errors.New("readmodels: lease lost")

// Leases make sure that one process at a time does a piece of work, such as running a projection. A lease is a hint
// that keeps others from doing double work; what makes a paused holder harmless is its fencing token, which goes
// with every Batch. Safe for concurrent use.
//
// No clock is shared: a contender takes a lease over once it has itself watched it for the holder's ttl without
// seeing a renewal, so it calls Acquire again and again, a few times per ttl. A holder renews a few times per ttl
// too, and regards the lease as lost when it could not for a whole ttl.
type Leases interface {
	// Acquire takes the lease if it is free, has run out, or is held by the same owner (who is thereby fenced off
	// in its earlier life), and answers with a token higher than any before it. Otherwise ok is false.
	Acquire(ctx context.Context, name, owner string, ttl time.Duration) (token uint64, ok bool, err error)
	// Renew keeps the lease for another ttl, or answers ErrLeaseLost.
	Renew(ctx context.Context, name string, token uint64, ttl time.Duration) error
	// Release gives the lease up; one that is held no longer is left alone.
	Release(ctx context.Context, name string, token uint64) error
}
