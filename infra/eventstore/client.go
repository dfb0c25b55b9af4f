package eventstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"zhiping/commands"
	"zhiping/domain"
)

// Client is an event store for commands, for reading $all and for subscriptions. It reconnects by itself and is
// safe for concurrent use. Close it when everything that uses it has ended.
type Client struct {
	codec *Codec
	calls *dialer
	subs  *dialer
}

var _ commands.EventStore = (*Client)(nil)

// Open makes a client. It does not connect yet: the store may come up later than we do.
func Open(cfg Config, codec *Codec) (*Client, error) {
	cfg = cfg.withDefaults()
	calls, err := newDialer("commands", cfg)
	if err != nil {
		return nil, err
	}
	subs, err := newDialer("subscriptions", cfg)
	if err != nil {
		return nil, err
	}
	return &Client{codec: codec, calls: calls, subs: subs}, nil
}

// Close ends both connections. Calls and subscriptions still under way fail.
func (c *Client) Close() {
	c.calls.close()
	c.subs.close()
}

// Codec is what the client encodes and decodes with.
func (c *Client) Codec() *Codec { return c.codec }

// Append writes all events or none; see commands.EventStore. An append whose outcome is unknown, because the
// connection was lost, answers ErrStoreUnavailable; repeating it with the same event ids is safe.
func (c *Client) Append(ctx context.Context, stream string, expected int64, events []domain.Proposed) (commands.Appended, error) {
	began := time.Now()
	ctx, span := c.calls.Tracer.Start(ctx, "append", trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("stream", stream), attribute.Int("events", len(events))))
	defer span.End()
	a, err := c.append(ctx, stream, expected, events)
	c.calls.Observe.Append(time.Since(began), err)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
		return a, fmt.Errorf("append %s: %w", stream, err)
	}
	return a, nil
}

func (c *Client) append(ctx context.Context, stream string, expected int64, events []domain.Proposed) (commands.Appended, error) {
	if len(events) == 0 {
		return commands.Appended{}, errors.New("eventstore: append of no events")
	}
	data := make([]esdb.EventData, len(events))
	for i, e := range events {
		var err error
		if data[i], err = c.codec.Encode(e); err != nil {
			return commands.Appended{}, err
		}
	}
	opts := esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}
	if expected >= 0 {
		opts.ExpectedRevision = esdb.Revision(uint64(expected))
	}
	res, err := c.appendRaw(ctx, stream, opts, data)
	if err != nil {
		return commands.Appended{}, err
	}
	return commands.Appended{Revision: res.NextExpectedVersion, Position: res.CommitPosition}, nil
}

func (c *Client) appendRaw(ctx context.Context, stream string, opts esdb.AppendToStreamOptions, data []esdb.EventData) (*esdb.WriteResult, error) {
	size := 0
	for _, e := range data {
		size += len(e.Data) + len(e.Metadata) + 2*len(e.EventType)
	}
	if size > c.calls.MaxAppend {
		return nil, commands.ErrTooLarge
	}
	ctx, cancel := context.WithTimeout(ctx, c.calls.Timeout)
	defer cancel()
	var out *esdb.WriteResult
	err := c.calls.do(ctx, func(ctx context.Context, db *esdb.Client) error {
		res, err := db.AppendToStream(ctx, stream, opts, data...)
		out = res
		return err
	})
	if err != nil {
		return nil, classify(err)
	}
	return out, nil
}

// Read returns a stream's events from a revision on, in order and without a gap; none for a stream that does not exist.
// Events that were truncated or deleted are ErrHistoryIncomplete.
func (c *Client) Read(ctx context.Context, stream string, from uint64) ([]domain.Recorded, error) {
	var out []domain.Recorded
	err := c.read(ctx,
		func(ctx context.Context, db *esdb.Client) (*esdb.ReadStream, error) {
			return db.ReadStream(ctx, stream, esdb.ReadStreamOptions{From: esdb.Revision(from)}, math.MaxUint64)
		},
		func(e *esdb.RecordedEvent) (bool, error) {
			r, err := c.codec.Decode(e)
			if err != nil {
				return false, err
			}
			if r.Revision != from+uint64(len(out)) {
				return false, fmt.Errorf("%w: revision %d in place of %d", commands.ErrHistoryIncomplete, r.Revision, from+uint64(len(out)))
			}
			out = append(out, r)
			return true, nil
		})
	if at, _ := code(err); err != nil && at == esdb.ErrorCodeResourceNotFound {
		return nil, nil
	}
	if errors.Is(err, ErrUnknownEvent) || errors.Is(err, ErrNewerSchema) {
		return nil, fmt.Errorf("read %s: %w: %w", stream, commands.ErrNewerHistory, err)
	}
	if at, _ := code(err); err != nil && at == esdb.ErrorCodeStreamDeleted {
		return nil, fmt.Errorf("read %s: %w: %w", stream, commands.ErrHistoryIncomplete, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", stream, classify(err))
	}
	return out, nil
}

// read runs one read to its end or until each answers false. Only io.EOF is an end: anything else that stops a
// read is an error, because a shortened stream would be folded into a wrong state.
func (c *Client) read(ctx context.Context, open func(context.Context, *esdb.Client) (*esdb.ReadStream, error),
	each func(*esdb.RecordedEvent) (bool, error),
) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// A read may take as long as it needs, but starting one may not: that is where a client can be stuck.
	stuck := time.AfterFunc(c.calls.Timeout, func() { cancel(context.DeadlineExceeded) })
	defer stuck.Stop()
	err := c.calls.do(ctx, func(ctx context.Context, db *esdb.Client) error {
		rs, err := open(ctx, db)
		stuck.Stop()
		if err != nil {
			return err
		}
		defer rs.Close()
		for {
			e, err := rs.Recv()
			if errors.Is(err, io.EOF) && !isClientError(err) {
				return nil
			}
			if err != nil {
				return err
			}
			if e.Event == nil { // a link whose target is gone
				continue
			}
			if more, err := each(e.Event); err != nil || !more {
				return err
			}
		}
	})
	if err != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return err
}

func isClientError(err error) bool { _, is := code(err); return is }

// Ping tells whether the event store answers.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.End(ctx)
	return err
}
