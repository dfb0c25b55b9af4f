package esdbserver

import (
	"context"
	"errors"
	"io"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// maxBuffer bounds how many messages one client may ask for at once.
const maxBuffer = 10_000

// Read connects a client to a group: messages one way, acknowledgements the other
// (PersistentSubscriptions.Read.cs).
func (s *persistentService) Read(stream persistent.PersistentSubscriptions_ReadServer) error {
	req, err := stream.Recv()
	if err != nil {
		return s.failStream(err, stream)
	}
	return s.failStream(s.read(stream, req.GetOptions()), stream)
}

func (s *persistentService) read(stream persistent.PersistentSubscriptions_ReadServer, o *persistent.ReadReq_Options) error {
	ctx := stream.Context()
	key := keyOf(o.GetAll(), o.GetStreamIdentifier(), o.GetGroupName())
	if err := s.authorize(ctx, key.Stream, actRead); err != nil {
		return err
	}
	g, err := s.groups.get(key)
	if err != nil {
		return err
	}
	if o.GetBufferSize() <= 0 || o.GetBufferSize() > maxBuffer {
		return invalid("buffer size must be between 1 and %d", maxBuffer)
	}
	_, stringIDs := o.GetUuidOption().GetContent().(*persistent.ReadReq_Options_UUIDOption_String_)
	c := newConsumer(ctx, int(o.GetBufferSize()))
	if err := g.join(ctx, c); err != nil {
		return err
	}
	// The client's side is read until the call ends, which ends this goroutine too.
	replies := make(chan error, 1)
	s.owned.Go(func() { replies <- g.listen(ctx, stream, c) })
	defer func() { _ = g.do(context.WithoutCancel(ctx), func() { g.leave(c) }) }()

	err = stream.Send(&persistent.ReadResp{Content: &persistent.ReadResp_SubscriptionConfirmation_{
		SubscriptionConfirmation: &persistent.ReadResp_SubscriptionConfirmation{SubscriptionId: g.cfg.String()},
	}})
	for err == nil {
		select {
		case m := <-c.out:
			err = stream.SendMsg(encodeEvent(m.event, m.link, stringIDs, m.retries))
		case err = <-c.dropped:
		case err = <-replies:
			if errors.Is(err, io.EOF) {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closing:
			return errClosing
		}
	}
	return err
}

func newConsumer(ctx context.Context, slots int) *consumer {
	c := &consumer{
		out: make(chan delivery, slots), dropped: make(chan error, 1), slots: slots,
		inFlight: map[*message]struct{}{}, name: "\u003cunknown\u003e", user: "anonymous",
	}
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		if v := md.Get("connection-name"); len(v) > 0 {
			c.name = v[0]
		}
	}
	if p, ok := peer.FromContext(ctx); ok {
		c.from = p.Addr.String()
	}
	if u, ok := ctx.Value(userKey{}).(User); ok {
		c.user = u.Name
	}
	return c
}

// join adds a consumer if the group takes another.
func (g *group) join(ctx context.Context, c *consumer) error {
	full := false
	err := g.do(ctx, func() {
		if limit := int(g.cfg.MaxSubscribers); limit > 0 && len(g.consumers) >= limit {
			full = true
			return
		}
		if g.consumers = append(g.consumers, c); g.pinned() {
			g.pin(c)
		}
	})
	if err == nil && full {
		err = groupFull(g.cfg.groupKey)
	}
	return err
}

// listen takes acknowledgements until the client's side ends.
func (g *group) listen(ctx context.Context, stream persistent.PersistentSubscriptions_ReadServer, c *consumer) error {
	for {
		req, err := stream.Recv()
		if err != nil {
			return err
		}
		switch x := req.GetContent().(type) {
		case *persistent.ReadReq_Ack_:
			ids, err := parseIDs(x.Ack.GetIds())
			if err != nil {
				return err
			}
			err = g.do(ctx, func() { g.ack(c, ids) })
			if err != nil {
				return err
			}
		case *persistent.ReadReq_Nack_:
			ids, err := parseIDs(x.Nack.GetIds())
			if err != nil {
				return err
			}
			err = g.do(ctx, func() { g.nack(c, ids, x.Nack.GetAction(), x.Nack.GetReason()) })
			if err != nil {
				return err
			}
		default:
			return invalid("a subscription takes acks and nacks only")
		}
	}
}

func parseIDs(in []*shared.UUID) ([][16]byte, error) {
	out := make([][16]byte, len(in))
	for i, id := range in {
		u, err := parseUUID(id)
		if err != nil {
			return nil, err
		}
		out[i] = u
	}
	return out, nil
}

// nack does with messages what their consumer asks for. Stop ends nothing and lets the message go, as on the official
// server (PersistentSubscription.NotAcknowledgeMessagesProcessed).
func (g *group) nack(c *consumer, ids [][16]byte, what persistent.ReadReq_Nack_Action, reason string) {
	for _, id := range ids {
		m := g.held(c, id)
		if m == nil {
			continue
		}
		g.takeBack(m)
		switch what {
		case persistent.ReadReq_Nack_Park:
			g.park(m, "Client explicitly NAK'ed message.\n"+reason)
		case persistent.ReadReq_Nack_Skip, persistent.ReadReq_Nack_Stop:
			g.finish(m)
		default:
			g.again(m)
		}
	}
}
