package esdbserver_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"zhiping/infra/esdbserver"
)

// batchAppend is one append of a batch call, in as many fragments as it has groups of events.
type batchAppend struct {
	stream   string
	noStream bool
	deadline time.Duration
	groups   [][]*streams.BatchAppendReq_ProposedMessage
}

func text(id uuid.UUID) *shared.UUID {
	return &shared.UUID{Value: &shared.UUID_String_{String_: id.String()}}
}

func message(size int) *streams.BatchAppendReq_ProposedMessage {
	return &streams.BatchAppendReq_ProposedMessage{
		Id: text(uuid.New()), Data: make([]byte, size),
		Metadata: map[string]string{"type": "T", "content-type": "application/octet-stream"},
	}
}

func (b batchAppend) requests(id uuid.UUID) []*streams.BatchAppendReq {
	o := &streams.BatchAppendReq_Options{
		StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(b.stream)},
		DeadlineOption:   &streams.BatchAppendReq_Options_Deadline{Deadline: durationpb.New(b.deadline)},
	}
	o.ExpectedStreamPosition = &streams.BatchAppendReq_Options_Any{Any: &emptypb.Empty{}}
	if b.noStream {
		o.ExpectedStreamPosition = &streams.BatchAppendReq_Options_NoStream{NoStream: &emptypb.Empty{}}
	}
	var out []*streams.BatchAppendReq
	for _, g := range b.groups {
		out = append(out, &streams.BatchAppendReq{CorrelationId: text(id), ProposedMessages: g})
	}
	out[0].Options = o
	out[len(out)-1].IsFinal = true
	return out
}

func TestBatchAppendAnswersEachAppend(t *testing.T) {
	s, _ := start(t, t.TempDir(), func(c *esdbserver.Config) { c.MaxAppend = 1000 })
	call, err := streams.NewStreamsClient(raw(t, s.Endpoint())).BatchAppend(bounded(t))
	require.NoError(t, err)
	require.NoError(t, call.Send(&streams.BatchAppendReq{CorrelationId: text(uuid.New()), IsFinal: true}), "begun by nobody: passed over")
	one := func(sizes ...int) (out []*streams.BatchAppendReq_ProposedMessage) {
		for _, n := range sizes {
			out = append(out, message(n))
		}
		return out
	}
	bad := message(1)
	bad.Metadata = nil
	for _, x := range []struct {
		name   string
		append batchAppend
		code   codes.Code
		detail proto.Message
		last   uint64
	}{
		{"fragments are one append", batchAppend{"s", true, time.Minute, [][]*streams.BatchAppendReq_ProposedMessage{one(1, 2), one(3)}}, codes.OK, nil, 2},
		{"a wrong revision", batchAppend{"s", true, time.Minute, [][]*streams.BatchAppendReq_ProposedMessage{one(1)}}, codes.AlreadyExists, &shared.WrongExpectedVersion{}, 0},
		{"it goes on after a refusal", batchAppend{"s", false, time.Minute, [][]*streams.BatchAppendReq_ProposedMessage{one(1)}}, codes.OK, nil, 3},
		{"too large over all fragments", batchAppend{"s", false, time.Minute, [][]*streams.BatchAppendReq_ProposedMessage{one(600), one(600)}}, codes.InvalidArgument, &shared.MaximumAppendSizeExceeded{}, 0},
		{"an event without a type", batchAppend{"s", false, time.Minute, [][]*streams.BatchAppendReq_ProposedMessage{{bad}}}, codes.InvalidArgument, &shared.BadRequest{}, 0},
		{"a deadline that has passed", batchAppend{"s", false, -time.Second, [][]*streams.BatchAppendReq_ProposedMessage{one(1)}}, codes.DeadlineExceeded, &shared.Timeout{}, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			id := uuid.New()
			for _, req := range x.append.requests(id) {
				require.NoError(t, call.Send(req))
			}
			res, err := call.Recv()
			require.NoError(t, err)
			require.Equal(t, id.String(), res.GetCorrelationId().GetString_())
			require.Equal(t, "s", string(res.GetStreamIdentifier().GetStreamName()))
			if x.code == codes.OK {
				require.Nil(t, res.GetError())
				require.Equal(t, x.last, res.GetSuccess().GetCurrentRevision())
				return
			}
			require.Equal(t, int32(x.code), res.GetError().GetCode())
			require.Equal(t, "type.googleapis.com/"+string(x.detail.ProtoReflect().Descriptor().FullName()), res.GetError().GetDetails()[0].GetTypeUrl())
		})
	}
}

// TestBatchAppendKeepsOrder sends many appends before it reads any answer.
func TestBatchAppendKeepsOrder(t *testing.T) {
	s, _ := start(t, t.TempDir())
	call, err := streams.NewStreamsClient(raw(t, s.Endpoint())).BatchAppend(bounded(t))
	require.NoError(t, err)
	const n = 300
	sent := make([]string, n)
	for i := range n {
		m := message(0)
		m.Data = fmt.Append(nil, i)
		id := uuid.New()
		sent[i] = id.String()
		for _, req := range (batchAppend{"s", false, time.Minute, [][]*streams.BatchAppendReq_ProposedMessage{{m}}}).requests(id) {
			require.NoError(t, call.Send(req))
		}
	}
	revisions := map[string]uint64{}
	for range n {
		res, err := call.Recv()
		require.NoError(t, err)
		revisions[res.GetCorrelationId().GetString_()] = res.GetSuccess().GetCurrentRevision()
	}
	for i, id := range sent {
		require.Equal(t, uint64(i), revisions[id])
	}
}
