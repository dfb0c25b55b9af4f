package esdbserver

import (
	"context"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"zhiping/infra/esdbserver/internal/store"
)

// Delete hides a stream's events; a later append brings it back with the next revision (Streams.Delete.cs).
func (s *streamsService) Delete(ctx context.Context, req *streams.DeleteReq) (*streams.DeleteResp, error) {
	o := req.GetOptions()
	var expected int64
	switch x := o.GetExpectedStreamRevision().(type) {
	case *streams.DeleteReq_Options_Revision:
		expected = revisionOf(x.Revision)
	case *streams.DeleteReq_Options_NoStream:
		expected = store.NoStream
	case *streams.DeleteReq_Options_Any:
		expected = store.Any
	case *streams.DeleteReq_Options_StreamExists:
		expected = store.StreamExists
	default:
		return nil, s.failUnary(ctx, invalid("no expected stream revision"))
	}
	name, err := streamName(o.GetStreamIdentifier())
	if err == nil {
		err = s.mayDelete(ctx, name)
	}
	if err != nil {
		return nil, s.failUnary(ctx, err)
	}
	at, err := s.store.Delete(ctx, name, expected)
	if err != nil {
		return nil, s.failUnary(ctx, err)
	}
	return &streams.DeleteResp{PositionOption: &streams.DeleteResp_Position_{
		Position: &streams.DeleteResp_Position{CommitPosition: uint64(at), PreparePosition: uint64(at)},
	}}, nil
}

// Tombstone deletes a stream for good (Streams.Delete.cs).
func (s *streamsService) Tombstone(ctx context.Context, req *streams.TombstoneReq) (*streams.TombstoneResp, error) {
	o := req.GetOptions()
	var expected int64
	switch x := o.GetExpectedStreamRevision().(type) {
	case *streams.TombstoneReq_Options_Revision:
		expected = revisionOf(x.Revision)
	case *streams.TombstoneReq_Options_NoStream:
		expected = store.NoStream
	case *streams.TombstoneReq_Options_Any:
		expected = store.Any
	case *streams.TombstoneReq_Options_StreamExists:
		expected = store.StreamExists
	default:
		return nil, s.failUnary(ctx, invalid("no expected stream revision"))
	}
	name, err := streamName(o.GetStreamIdentifier())
	if err == nil {
		err = s.mayDelete(ctx, name)
	}
	if err != nil {
		return nil, s.failUnary(ctx, err)
	}
	at, err := s.store.Tombstone(ctx, name, expected)
	if err != nil {
		return nil, s.failUnary(ctx, err)
	}
	return &streams.TombstoneResp{PositionOption: &streams.TombstoneResp_Position_{
		Position: &streams.TombstoneResp_Position{CommitPosition: uint64(at), PreparePosition: uint64(at)},
	}}, nil
}

// mayDelete refuses what nobody may delete: metastreams would leave their streams without metadata.
func (s *Server) mayDelete(ctx context.Context, name string) error {
	if store.IsMetastream(name) || name == "$all" {
		return accessDenied()
	}
	return s.authorize(ctx, name, actDelete)
}
