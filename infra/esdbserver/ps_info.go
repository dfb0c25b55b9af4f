package esdbserver

import (
	"context"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
)

// GetInfo tells how a group stands.
func (s *persistentService) GetInfo(ctx context.Context, req *persistent.GetInfoReq) (*persistent.GetInfoResp, error) {
	o := req.GetOptions()
	g, err := s.groups.get(keyOf(o.GetAll(), o.GetStreamIdentifier(), o.GetGroupName()))
	if err != nil {
		return nil, s.failUnary(ctx, err)
	}
	info, err := g.info(ctx)
	if err != nil {
		return nil, s.failUnary(ctx, err)
	}
	return &persistent.GetInfoResp{SubscriptionInfo: info}, nil
}

// List tells how the groups of a stream, or all groups, stand.
func (s *persistentService) List(ctx context.Context, req *persistent.ListReq) (*persistent.ListResp, error) {
	stream := ""
	if x, ok := req.GetOptions().GetListOption().(*persistent.ListReq_Options_ListForStream); ok {
		stream = keyOf(x.ListForStream.GetAll(), x.ListForStream.GetStream(), "").Stream
	}
	out := &persistent.ListResp{}
	for _, g := range s.groups.list(stream) {
		info, err := g.info(ctx)
		if err != nil {
			return nil, s.failUnary(ctx, err)
		}
		out.Subscriptions = append(out.Subscriptions, info)
	}
	if stream != "" && len(out.Subscriptions) == 0 {
		return nil, s.failUnary(ctx, groupMissing(groupKey{Stream: stream}))
	}
	return out, nil
}

func (g *group) info(ctx context.Context) (*persistent.SubscriptionInfo, error) {
	first, end, err := g.parkedRange(ctx)
	if err != nil {
		return nil, err
	}
	c := &g.cfg
	out := &persistent.SubscriptionInfo{
		EventSource: c.Stream, GroupName: c.Group, ParkedMessageCount: end - first,
		StartFrom: c.place(c.From), ResolveLinkTos: c.ResolveLinks, ExtraStatistics: c.ExtraStatistics,
		MessageTimeoutMilliseconds: c.MessageTimeoutMS, MaxRetryCount: c.MaxRetries, LiveBufferSize: c.LiveBuffer,
		BufferSize: c.HistoryBuffer, ReadBatchSize: c.ReadBatch, CheckPointAfterMilliseconds: c.CheckpointAfterMS,
		MinCheckPointCount: c.MinCheckpoint, MaxCheckPointCount: c.MaxCheckpoint,
		NamedConsumerStrategy: c.Strategy, MaxSubscriberCount: c.MaxSubscribers,
	}
	err = g.do(ctx, func() { g.describe(out) })
	return out, err
}

// describe fills in what only the group's goroutine knows.
func (g *group) describe(out *persistent.SubscriptionInfo) {
	out.Status = "Live"
	if !g.live {
		out.Status = "Behind"
	}
	out.TotalItems = g.total
	if g.checkpoint >= 0 {
		out.LastCheckpointedEventPosition = g.cfg.place(g.checkpoint)
	}
	if g.scanned >= 0 {
		out.LastKnownEventPosition = g.cfg.place(g.scanned)
	}
	out.ReadBufferCount = int32(len(g.buffer)) // #nosec G115 -- buffers hold far fewer than 2^31
	out.RetryBufferCount = int32(len(g.retry)) // #nosec G115 -- buffers hold far fewer than 2^31
	for _, c := range g.consumers {
		out.TotalInFlightMessages += int32(len(c.inFlight)) // #nosec G115 -- buffers hold far fewer than 2^31
		out.Connections = append(out.Connections, &persistent.SubscriptionInfo_ConnectionInfo{
			From: c.from, Username: c.user, ConnectionName: c.name, TotalItems: c.total,
			AvailableSlots: int32(max(c.slots-len(c.inFlight), 0)), InFlightMessages: int32(len(c.inFlight)), // #nosec G115 -- buffers hold far fewer than 2^31
		})
	}
	out.OutstandingMessagesCount = out.TotalInFlightMessages
}
