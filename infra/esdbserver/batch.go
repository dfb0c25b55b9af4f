package esdbserver

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"golang.org/x/sync/errgroup"

	"zhiping/infra/esdbserver/internal/store"
)

const (
	// writeTimeout bounds an append of a batch stream that brings no deadline or a later one. The official server
	// gives up after two seconds; a slow disk is no reason for an unknown outcome here, where nothing is replicated.
	writeTimeout = 10 * time.Second
	// maxOpenAppends bounds the appends that one call has begun to send, and those it waits for.
	maxOpenAppends = 256
)

// pending is an append of which not all fragments have arrived.
type pending struct {
	id       *shared.UUID
	options  *streams.BatchAppendReq_Options
	name     string
	expected int64
	deadline time.Time
	events   []store.Proposed
	size     int
	err      error
}

// batchCall is one BatchAppend call.
type batchCall struct {
	*Server
	stream streams.Streams_BatchAppendServer
	open   map[[16]byte]*pending
	sends  sync.Mutex
	under  *errgroup.Group
}

// BatchAppend multiplexes appends over one call. Each is answered by its correlation id as soon as it is durable,
// refusals included; they are applied in the order in which their last fragments arrive (Streams.BatchAppend.cs).
func (s *streamsService) BatchAppend(stream streams.Streams_BatchAppendServer) error {
	b := &batchCall{Server: s.Server, stream: stream, open: map[[16]byte]*pending{}, under: &errgroup.Group{}}
	b.under.SetLimit(maxOpenAppends)
	err := b.receive()
	return s.failStream(errors.Join(err, b.under.Wait()), stream)
}

func (b *batchCall) receive() error {
	requests := make(chan *streams.BatchAppendReq)
	ended := make(chan error, 1)
	ctx := b.stream.Context()
	b.owned.Go(func() { // ends with the call
		for {
			req, err := b.stream.Recv()
			if err != nil {
				ended <- err
				return
			}
			select {
			case requests <- req:
			case <-ctx.Done():
				return
			}
		}
	})
	for {
		select {
		case req := <-requests:
			if err := b.fragment(req); err != nil {
				return err
			}
		case err := <-ended:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		case <-b.closing:
			return errClosing
		}
	}
}

// fragment takes one message, and begins the append when it was the last of it.
func (b *batchCall) fragment(req *streams.BatchAppendReq) error {
	id, err := parseUUID(req.GetCorrelationId())
	if err != nil {
		return err
	}
	p := b.open[id]
	if p == nil {
		if req.GetOptions() == nil {
			return nil // the rest of an append that nobody knows is passed over, as on the official server
		}
		if len(b.open) >= maxOpenAppends {
			return invalid("too many appends begun and not finished")
		}
		p = &pending{id: req.GetCorrelationId(), options: req.GetOptions()}
		p.err = b.prepare(p)
		b.open[id] = p
	}
	for _, m := range req.GetProposedMessages() {
		if p.err != nil {
			break
		}
		var e store.Proposed
		if e, p.err = b.proposed(m.GetId(), m.GetMetadata(), m.GetData(), m.GetCustomMetadata(), &p.size); p.err == nil {
			p.events = append(p.events, e)
		}
	}
	if !req.GetIsFinal() {
		return nil
	}
	delete(b.open, id)
	return b.begin(p)
}

func (b *batchCall) prepare(p *pending) error {
	o := p.options
	var err error
	if p.name, err = streamName(o.GetStreamIdentifier()); err != nil {
		return err
	}
	if p.expected, err = expectedRevision(o.GetExpectedStreamPosition()); err != nil {
		return err
	}
	p.deadline = time.Now().Add(writeTimeout)
	switch x := o.GetDeadlineOption().(type) {
	case *streams.BatchAppendReq_Options_Deadline:
		p.deadline = earlier(p.deadline, time.Now().Add(x.Deadline.AsDuration()))
	case *streams.BatchAppendReq_Options_Deadline_21_10_0:
		p.deadline = earlier(p.deadline, x.Deadline_21_10_0.AsTime())
	}
	return b.authorize(b.stream.Context(), p.name, actWrite)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// begin puts the append in line, in order, and leaves it to a goroutine to wait for the outcome.
func (b *batchCall) begin(p *pending) error {
	if p.err != nil {
		return b.answer(p, store.Result{}, p.err)
	}
	ctx, cancel := context.WithDeadline(b.stream.Context(), p.deadline)
	wait, err := b.store.BeginAppend(ctx, p.name, p.expected, p.events)
	if err != nil {
		cancel()
		return b.answer(p, store.Result{}, err)
	}
	b.under.Go(func() error {
		defer cancel()
		res, err := wait()
		return b.answer(p, res, err)
	})
	return nil
}

func (b *batchCall) answer(p *pending, res store.Result, err error) error {
	out := &streams.BatchAppendResp{CorrelationId: p.id, StreamIdentifier: p.options.GetStreamIdentifier()}
	echoExpected(out, p.options)
	if err != nil {
		status, err := inBand(err, p.name, p.expected, b.cfg.MaxAppend)
		if err != nil {
			return err
		}
		out.Result = &streams.BatchAppendResp_Error{Error: status}
	} else {
		out.Result = &streams.BatchAppendResp_Success_{Success: batchSuccess(res)}
	}
	b.sends.Lock()
	defer b.sends.Unlock()
	return b.stream.Send(out)
}
