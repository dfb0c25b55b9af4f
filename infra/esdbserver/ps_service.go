package esdbserver

//lint:file-ignore SA1019 clients in use still send the deprecated fields, so the server must read them.

import (
	"context"
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
)

// persistentService implements event_store.client.persistent_subscriptions.PersistentSubscriptions.
type persistentService struct {
	persistent.UnimplementedPersistentSubscriptionsServer
	*Server
}

// Create makes a group (PersistentSubscriptions.Create.cs).
func (s *persistentService) Create(ctx context.Context, req *persistent.CreateReq) (*persistent.CreateResp, error) {
	cfg, err := createConfig(req.GetOptions())
	if err == nil {
		err = s.mayManage(ctx)
	}
	if err == nil {
		err = s.groups.create(ctx, cfg)
	}
	if err != nil {
		return nil, s.failUnary(ctx, err)
	}
	return &persistent.CreateResp{}, nil
}

func createConfig(o *persistent.CreateReq_Options) (groupConfig, error) {
	cfg := groupConfig{groupKey: groupKey{Group: o.GetGroupName()}}
	set := o.GetSettings()
	switch x := o.GetStreamOption().(type) {
	case *persistent.CreateReq_Options_Stream:
		cfg.Stream, cfg.From = string(x.Stream.GetStreamIdentifier().GetStreamName()), beginning(x.Stream.GetRevisionOption())
	case *persistent.CreateReq_Options_All:
		cfg.Stream, cfg.From = allStream, beginning(x.All.GetAllOption())
		if f := x.All.GetFilter(); f != nil {
			cfg.Filter = storedFilter(f)
		}
	default: // clients before 21.10
		cfg.Stream = string(o.GetStreamIdentifier().GetStreamName()) //nolint:staticcheck // deprecated, but still sent
		cfg.From = revisionOf(set.GetRevision())                     //nolint:staticcheck // likewise
	}
	if cfg.Stream == "" || cfg.Group == "" {
		return cfg, invalid("stream and group need names")
	}
	if _, err := cfg.Filter.compile(); err != nil {
		return cfg, err
	}
	strategy := set.GetConsumerStrategy()
	if strategy == "" {
		strategy = set.GetNamedConsumerStrategy().String() //nolint:staticcheck // likewise
	}
	return cfg, cfg.apply(set, strategy)
}

// beginning reads where a group is to begin. Create and Update have types of their own for the same kinds; what is
// neither a revision or position nor the end is the start.
func beginning(option any) int64 {
	switch x := option.(type) {
	case *persistent.CreateReq_StreamOptions_Revision:
		return revisionOf(x.Revision)
	case *persistent.UpdateReq_StreamOptions_Revision:
		return revisionOf(x.Revision)
	case *persistent.CreateReq_AllOptions_Position:
		return revisionOf(x.Position.GetCommitPosition())
	case *persistent.UpdateReq_AllOptions_Position:
		return revisionOf(x.Position.GetCommitPosition())
	case *persistent.CreateReq_StreamOptions_End, *persistent.UpdateReq_StreamOptions_End,
		*persistent.CreateReq_AllOptions_End, *persistent.UpdateReq_AllOptions_End:
		return fromEnd
	}
	return 0
}

func storedFilter(f *persistent.CreateReq_AllOptions_FilterOptions) *groupFilter {
	if x, ok := f.GetFilter().(*persistent.CreateReq_AllOptions_FilterOptions_StreamIdentifier); ok {
		return &groupFilter{ByStream: true, Regex: x.StreamIdentifier.GetRegex(), Prefixes: x.StreamIdentifier.GetPrefix()}
	}
	e := f.GetEventType()
	return &groupFilter{Regex: e.GetRegex(), Prefixes: e.GetPrefix()}
}

// Update changes a group's settings and drops its subscribers (PersistentSubscriptions.Update.cs).
func (s *persistentService) Update(ctx context.Context, req *persistent.UpdateReq) (*persistent.UpdateResp, error) {
	cfg, err := updateConfig(req.GetOptions())
	if err == nil {
		err = s.mayManage(ctx)
	}
	if err == nil {
		err = s.groups.update(ctx, cfg)
	}
	if err != nil {
		return nil, s.failUnary(ctx, err)
	}
	return &persistent.UpdateResp{}, nil
}

func updateConfig(o *persistent.UpdateReq_Options) (groupConfig, error) {
	cfg := groupConfig{groupKey: groupKey{Group: o.GetGroupName()}}
	set := o.GetSettings()
	switch x := o.GetStreamOption().(type) {
	case *persistent.UpdateReq_Options_Stream:
		cfg.Stream, cfg.From = string(x.Stream.GetStreamIdentifier().GetStreamName()), beginning(x.Stream.GetRevisionOption())
	case *persistent.UpdateReq_Options_All:
		cfg.Stream, cfg.From = allStream, beginning(x.All.GetAllOption())
	default: // clients before 21.10
		cfg.Stream = string(o.GetStreamIdentifier().GetStreamName()) //nolint:staticcheck // deprecated, but still sent
		cfg.From = revisionOf(set.GetRevision())                     //nolint:staticcheck // likewise
	}
	return cfg, cfg.apply(set, set.GetNamedConsumerStrategy().String())
}

// Delete removes a group and drops its subscribers.
func (s *persistentService) Delete(ctx context.Context, req *persistent.DeleteReq) (*persistent.DeleteResp, error) {
	o := req.GetOptions()
	err := s.mayManage(ctx)
	if err == nil {
		err = s.groups.remove(ctx, keyOf(o.GetAll(), o.GetStreamIdentifier(), o.GetGroupName()))
	}
	if err != nil {
		return nil, s.failUnary(ctx, err)
	}
	return &persistent.DeleteResp{}, nil
}

func keyOf(all *shared.Empty, id *shared.StreamIdentifier, group string) groupKey {
	if all != nil {
		return groupKey{Stream: allStream, Group: group}
	}
	return groupKey{Stream: string(id.GetStreamName()), Group: group}
}

// RestartSubsystem restarts all groups.
func (s *persistentService) RestartSubsystem(ctx context.Context, _ *shared.Empty) (*shared.Empty, error) {
	err := s.mayManage(ctx)
	if err == nil {
		err = s.groups.restart(ctx)
	}
	if err != nil {
		return nil, s.failUnary(ctx, err)
	}
	return &shared.Empty{}, nil
}

// ReplayParked delivers parked messages again.
func (s *persistentService) ReplayParked(ctx context.Context, req *persistent.ReplayParkedReq) (*persistent.ReplayParkedResp, error) {
	o := req.GetOptions()
	stop := int64(math.MaxInt64)
	if x, ok := o.GetStopAtOption().(*persistent.ReplayParkedReq_Options_StopAt); ok {
		stop = x.StopAt
	}
	err := s.mayManage(ctx)
	var g *group
	if err == nil {
		g, err = s.groups.get(keyOf(o.GetAll(), o.GetStreamIdentifier(), o.GetGroupName()))
	}
	if err == nil {
		var failed error
		if err = g.do(ctx, func() { failed = g.replay(ctx, stop) }); err == nil {
			err = failed
		}
	}
	if err != nil {
		return nil, s.failUnary(ctx, err)
	}
	return &persistent.ReplayParkedResp{}, nil
}
