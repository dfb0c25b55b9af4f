package esdbserver

import (
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"zhiping/infra/esdbserver/internal/store"
)

// expectedRevision reads what a write expects of its stream. Each call has types of its own for the same four kinds.
func expectedRevision(option any) (int64, error) {
	switch x := option.(type) {
	case *streams.AppendReq_Options_Revision:
		return revisionOf(x.Revision), nil
	case *streams.DeleteReq_Options_Revision:
		return revisionOf(x.Revision), nil
	case *streams.TombstoneReq_Options_Revision:
		return revisionOf(x.Revision), nil
	case *streams.BatchAppendReq_Options_StreamPosition:
		return revisionOf(x.StreamPosition), nil
	case *streams.AppendReq_Options_NoStream, *streams.DeleteReq_Options_NoStream,
		*streams.TombstoneReq_Options_NoStream, *streams.BatchAppendReq_Options_NoStream:
		return store.NoStream, nil
	case *streams.AppendReq_Options_Any, *streams.DeleteReq_Options_Any,
		*streams.TombstoneReq_Options_Any, *streams.BatchAppendReq_Options_Any:
		return store.Any, nil
	case *streams.AppendReq_Options_StreamExists, *streams.DeleteReq_Options_StreamExists,
		*streams.TombstoneReq_Options_StreamExists, *streams.BatchAppendReq_Options_StreamExists:
		return store.StreamExists, nil
	}
	return 0, invalid("no expected stream revision")
}

// revisionOf maps a revision from the wire; what does not fit can never be current.
func revisionOf(n uint64) int64 {
	if n > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(n)
}

// wrongAnswer fills both generations of the fields, as clients before and after 20.6.1 read different ones. The
// older ones know no "no stream" as an expectation and get the largest revision for it.
func wrongAnswer(expected, current int64) *streams.AppendResp {
	w := &streams.AppendResp_WrongExpectedVersion{}
	switch expected {
	case store.Any:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedAny{ExpectedAny: &shared.Empty{}}
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_Any_20_6_0{Any_20_6_0: &shared.Empty{}}
	case store.StreamExists:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: &shared.Empty{}}
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_StreamExists_20_6_0{StreamExists_20_6_0: &shared.Empty{}}
	case store.NoStream:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &shared.Empty{}}
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_ExpectedRevision_20_6_0{ExpectedRevision_20_6_0: math.MaxUint64}
	default:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedRevision{ExpectedRevision: uint64(expected)}                      // #nosec G115 -- the negative ones are answered above
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_ExpectedRevision_20_6_0{ExpectedRevision_20_6_0: uint64(expected)} // #nosec G115 -- the negative ones are answered above
	}
	if current < 0 {
		w.CurrentRevisionOption = &streams.AppendResp_WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &shared.Empty{}}
		w.CurrentRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_NoStream_20_6_0{NoStream_20_6_0: &shared.Empty{}}
	} else {
		w.CurrentRevisionOption = &streams.AppendResp_WrongExpectedVersion_CurrentRevision{CurrentRevision: uint64(current)}
		w.CurrentRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_CurrentRevision_20_6_0{CurrentRevision_20_6_0: uint64(current)}
	}
	return &streams.AppendResp{Result: &streams.AppendResp_WrongExpectedVersion_{WrongExpectedVersion: w}}
}
