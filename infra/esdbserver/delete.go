package esdbserver

import (
	"context"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"zhiping/infra/esdbserver/internal/store"
)

// Delete hides a stream's events; a later append brings it back with the next revision (Streams.Delete.cs).
func (s *streamsService) Delete(ctx context.Context, req *streams.DeleteReq) (*streams.DeleteResp, error) {
	o := req.GetOptions()
	at, err := s.remove(ctx, o.GetStreamIdentifier(), o.GetExpectedStreamRevision(), s.store.Delete)
	if err != nil {
		return nil, s.failUnary(ctx, err)
	}
	return &streams.DeleteResp{PositionOption: &streams.DeleteResp_Position_{
		Position: &streams.DeleteResp_Position{CommitPosition: at, PreparePosition: at},
	}}, nil
}

// Tombstone deletes a stream for good (Streams.Delete.cs).
func (s *streamsService) Tombstone(ctx context.Context, req *streams.TombstoneReq) (*streams.TombstoneResp, error) {
	o := req.GetOptions()
	at, err := s.remove(ctx, o.GetStreamIdentifier(), o.GetExpectedStreamRevision(), s.store.Tombstone)
	if err != nil {
		return nil, s.failUnary(ctx, err)
	}
	return &streams.TombstoneResp{PositionOption: &streams.TombstoneResp_Position_{
		Position: &streams.TombstoneResp_Position{CommitPosition: at, PreparePosition: at},
	}}, nil
}

func (s *Server) remove(
	ctx context.Context, id *shared.StreamIdentifier, option any, call func(context.Context, string, int64) (int64, error),
) (uint64, error) {
	expected, err := expectedRevision(option)
	if err != nil {
		return 0, err
	}
	name, err := streamName(id)
	if err != nil {
		return 0, err
	}
	if err := s.mayDelete(ctx, name); err != nil {
		return 0, err
	}
	at, err := call(ctx, name, expected)
	return uint64(at), err // #nosec G115 -- positions and revisions are never negative
}

// mayDelete refuses what nobody may delete: metastreams would leave their streams without metadata.
func (s *Server) mayDelete(ctx context.Context, name string) error {
	if store.IsMetastream(name) || name == "$all" {
		return accessDenied()
	}
	return s.authorize(ctx, name, actDelete)
}
