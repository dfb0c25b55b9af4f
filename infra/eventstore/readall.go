package eventstore

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"zhiping/domain"
)

// scanMax is how many events one ReadAll looks at, found or not, so that a rare type cannot hold a request
// for as long as the whole log takes.
const scanMax = 50_000

// All asks for a part of $all, the log of all streams in the order in which they were written.
type All struct {
	// After is a position: only events behind it (before it, when Backward) are read. Zero is the very
	// beginning, or the end when Backward.
	After    uint64
	Backward bool
	// Types limits the result to these event types; empty means all of ours. The store's own events, whose
	// types begin with $, are never included.
	Types []string
	// Limit is the most events to return; at least 1.
	Limit int
}

// Page is a part of $all. Next continues it as the next All.After; More is false when the end was reached.
type Page struct {
	Events []domain.Recorded
	Next   uint64
	More   bool
}

// ReadAll reads a part of $all. A page can be empty and still have more, when nothing in it was of interest.
func (c *Client) ReadAll(ctx context.Context, q All) (Page, error) {
	page := Page{Next: q.After}
	if q.Limit < 1 {
		return page, fmt.Errorf("read $all: limit %d", q.Limit)
	}
	wanted := make(map[string]bool, len(q.Types))
	for _, t := range q.Types {
		wanted[t] = true
	}
	seen := 0
	err := c.read(ctx,
		func(ctx context.Context, db *esdb.Client) (*esdb.ReadStream, error) {
			return db.ReadAll(ctx, q.options(), math.MaxUint64)
		},
		func(e *esdb.RecordedEvent) (bool, error) {
			at := e.Position.Commit
			if !q.Backward && q.After > 0 && at <= q.After {
				return true, nil // the store's forward reads include the position itself
			}
			if len(page.Events) == q.Limit || seen == scanMax {
				page.More = true
				return false, nil
			}
			seen++
			page.Next = at
			if strings.HasPrefix(e.EventType, "$") || len(wanted) > 0 && !wanted[e.EventType] {
				return true, nil
			}
			r, err := c.codec.Decode(e)
			page.Events = append(page.Events, r)
			return err == nil, err
		})
	if err != nil {
		return Page{}, fmt.Errorf("read $all: %w", classify(err))
	}
	return page, nil
}

func (q All) options() esdb.ReadAllOptions {
	o := esdb.ReadAllOptions{Direction: esdb.Forwards, From: esdb.Start{}}
	if q.Backward {
		o = esdb.ReadAllOptions{Direction: esdb.Backwards, From: esdb.End{}}
	}
	if q.After > 0 {
		o.From = esdb.Position{Commit: q.After, Prepare: q.After}
	}
	return o
}

// EventAt is the id of the event at a position of $all; ok is false where there is none. A position that another history
// handed out may lie within a record, which a server refuses as an argument: there is none then, either.
func (c *Client) EventAt(ctx context.Context, position uint64) (id uuid.UUID, ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.calls.Timeout)
	defer cancel()
	err = c.read(ctx, func(ctx context.Context, db *esdb.Client) (*esdb.ReadStream, error) {
		return db.ReadAll(ctx, esdb.ReadAllOptions{Direction: esdb.Forwards, From: esdb.Position{Commit: position, Prepare: position}}, 1)
	}, func(e *esdb.RecordedEvent) (bool, error) {
		if ok = e.Position.Commit == position; ok {
			id = e.EventID
		}
		return false, nil
	})
	if status.Code(cause(err)) == codes.InvalidArgument {
		return uuid.Nil, false, nil
	}
	if err != nil {
		return uuid.Nil, false, fmt.Errorf("read $all at %d: %w", position, classify(err))
	}
	return id, ok, nil
}

// End is the position of the last event in $all, the store's own included; 0 when there is none.
func (c *Client) End(ctx context.Context) (end uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.calls.Timeout)
	defer cancel()
	err = c.backwards(ctx, 1, func(e *esdb.RecordedEvent) (bool, error) {
		end = e.Position.Commit
		return false, nil
	})
	return end, err
}

// Head is the position of the last event of ours in $all; 0 when there is none. The store's own come behind it at any
// time, from persistent subscriptions or its statistics, and no view ever hears of those.
func (c *Client) Head(ctx context.Context) (head uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.calls.Timeout)
	defer cancel()
	for _, most := range []uint64{1, 100, math.MaxUint64} { // mostly it is the very last one
		seen, found := uint64(0), false
		err := c.backwards(ctx, most, func(e *esdb.RecordedEvent) (bool, error) {
			seen++
			if found = !strings.HasPrefix(e.EventType, "$"); found {
				head = e.Position.Commit
			}
			return !found, nil
		})
		if err != nil {
			return 0, err
		}
		if found || seen < most {
			break
		}
	}
	return head, nil
}

// backwards reads at most so many events from the end, until each wants no more.
func (c *Client) backwards(ctx context.Context, most uint64, each func(*esdb.RecordedEvent) (bool, error)) error {
	err := c.read(ctx, func(ctx context.Context, db *esdb.Client) (*esdb.ReadStream, error) {
		return db.ReadAll(ctx, esdb.ReadAllOptions{Direction: esdb.Backwards, From: esdb.End{}}, most)
	}, each)
	if err != nil {
		return fmt.Errorf("read head: %w", classify(err))
	}
	return nil
}
