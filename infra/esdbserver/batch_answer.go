package esdbserver

import (
	"context"
	"errors"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"

	"zhiping/infra/esdbserver/internal/store"
)

func echoExpected(out *streams.BatchAppendResp, o *streams.BatchAppendReq_Options) {
	switch x := o.GetExpectedStreamPosition().(type) {
	case *streams.BatchAppendReq_Options_StreamPosition:
		out.ExpectedStreamPosition = &streams.BatchAppendResp_StreamPosition{StreamPosition: x.StreamPosition}
	case *streams.BatchAppendReq_Options_NoStream:
		out.ExpectedStreamPosition = &streams.BatchAppendResp_NoStream{NoStream: &emptypb.Empty{}}
	case *streams.BatchAppendReq_Options_Any:
		out.ExpectedStreamPosition = &streams.BatchAppendResp_Any{Any: &emptypb.Empty{}}
	case *streams.BatchAppendReq_Options_StreamExists:
		out.ExpectedStreamPosition = &streams.BatchAppendResp_StreamExists{StreamExists: &emptypb.Empty{}}
	}
}

func batchSuccess(res store.Result) *streams.BatchAppendResp_Success {
	ok := &streams.BatchAppendResp_Success{PositionOption: &streams.BatchAppendResp_Success_Position{
		Position: &shared.AllStreamPosition{CommitPosition: uint64(res.Position), PreparePosition: uint64(res.Position)}, // #nosec G115 -- positions and revisions are never negative
	}}
	if res.Revision < 0 {
		ok.CurrentRevisionOption = &streams.BatchAppendResp_Success_NoStream{NoStream: &emptypb.Empty{}}
	} else {
		ok.CurrentRevisionOption = &streams.BatchAppendResp_Success_CurrentRevision{CurrentRevision: uint64(res.Revision)}
	}
	return ok
}

// inBand makes the status that refuses one append without ending the call (Services/Transport/Grpc/Status.cs). Its
// codes are not those of the single Append.
func inBand(err error, name string, expected int64, limit int) (*statuspb.Status, error) {
	var (
		wrong   *store.WrongExpectedError
		deleted *store.StreamDeletedError
		r       *refusal
	)
	code, detail := codes.Unknown, proto.Message(&shared.Unknown{})
	switch {
	case errors.As(err, &wrong):
		code, detail = codes.AlreadyExists, wrongDetail(expected, wrong.Current)
	case errors.As(err, &deleted):
		code, detail = codes.NotFound, &shared.StreamDeleted{StreamIdentifier: identifier(name)}
	case errors.Is(err, context.DeadlineExceeded):
		code, detail = codes.DeadlineExceeded, &shared.Timeout{}
	case errors.Is(err, context.Canceled), errors.Is(err, store.ErrClosed):
		return nil, err // the call is over anyway
	case errors.As(err, &r) && r.code == codes.PermissionDenied:
		code, detail = codes.PermissionDenied, &shared.AccessDenied{}
	case errors.As(err, &r) && r.message == tooLarge(limit).message:
		code, detail = codes.InvalidArgument, &shared.MaximumAppendSizeExceeded{MaxAppendSize: uint32(limit)} // #nosec G115 -- a limit of some MiB
	case errors.As(err, &r):
		code, detail = codes.InvalidArgument, &shared.BadRequest{Message: r.message}
	case errors.Is(err, store.ErrUnavailable):
		code, detail = codes.DeadlineExceeded, &shared.Timeout{}
	}
	packed, err := anypb.New(detail)
	if err != nil {
		return nil, err
	}
	return &statuspb.Status{
		Code: int32(code), Message: string(detail.ProtoReflect().Descriptor().Name()), Details: []*anypb.Any{packed},
	}, nil
}

func wrongDetail(expected, current int64) *shared.WrongExpectedVersion {
	w := &shared.WrongExpectedVersion{}
	switch expected {
	case store.Any:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedAny{ExpectedAny: &emptypb.Empty{}}
	case store.StreamExists:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: &emptypb.Empty{}}
	case store.NoStream:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &emptypb.Empty{}}
	default:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedStreamPosition{ExpectedStreamPosition: uint64(expected)} // #nosec G115 -- the negative ones are answered above
	}
	if current < 0 {
		w.CurrentStreamRevisionOption = &shared.WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &emptypb.Empty{}}
	} else {
		w.CurrentStreamRevisionOption = &shared.WrongExpectedVersion_CurrentStreamRevision{CurrentStreamRevision: uint64(current)}
	}
	return w
}
