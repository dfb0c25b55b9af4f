package esdbserver_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// bytesAsTheyAre sends and receives messages that nobody encodes.
type bytesAsTheyAre struct{}

func (bytesAsTheyAre) Name() string { return "proto" }

func (bytesAsTheyAre) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (bytesAsTheyAre) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

var fuzzed = []string{
	"/event_store.client.streams.Streams/Append", "/event_store.client.streams.Streams/BatchAppend", "/event_store.client.streams.Streams/Read",
	"/event_store.client.streams.Streams/Delete", "/event_store.client.streams.Streams/Tombstone",
	"/event_store.client.persistent_subscriptions.PersistentSubscriptions/Create", "/event_store.client.persistent_subscriptions.PersistentSubscriptions/Update",
	"/event_store.client.persistent_subscriptions.PersistentSubscriptions/Delete", "/event_store.client.persistent_subscriptions.PersistentSubscriptions/Read",
	"/event_store.client.persistent_subscriptions.PersistentSubscriptions/GetInfo", "/event_store.client.persistent_subscriptions.PersistentSubscriptions/ReplayParked",
	"/event_store.client.persistent_subscriptions.PersistentSubscriptions/List", "/event_store.client.server_features.ServerFeatures/GetSupportedMethods", "/event_store.client.gossip.Gossip/Read",
}

// seeds are requests as clients make them, for the fuzzer to bend.
func seeds() []proto.Message {
	stream := &shared.StreamIdentifier{StreamName: []byte("s-1")}
	id := &shared.UUID{Value: &shared.UUID_String_{String_: "00000000-0000-4000-8000-000000000001"}}
	byType := &streams.ReadReq_Options_FilterOptions{
		Filter: &streams.ReadReq_Options_FilterOptions_EventType{EventType: &streams.ReadReq_Options_FilterOptions_Expression{Regex: "^a(b|c)+$"}},
		Window: &streams.ReadReq_Options_FilterOptions_Max{Max: 1}, CheckpointIntervalMultiplier: 1,
	}
	return []proto.Message{
		&streams.AppendReq{Content: &streams.AppendReq_Options_{Options: &streams.AppendReq_Options{StreamIdentifier: stream, ExpectedStreamRevision: &streams.AppendReq_Options_Any{Any: &shared.Empty{}}}}},
		&streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{ProposedMessage: &streams.AppendReq_ProposedMessage{
			Id: id, Metadata: map[string]string{"type": "T", "content-type": "application/json"}, Data: []byte(`{"$acl":{"$r":["x"]}}`)}}},
		&streams.ReadReq{Options: &streams.ReadReq_Options{
			StreamOption: &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}}}},
			CountOption:  &streams.ReadReq_Options_Count{Count: 3}, FilterOption: &streams.ReadReq_Options_Filter{Filter: byType},
			UuidOption: &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}}}},
		&streams.BatchAppendReq{CorrelationId: id, Options: &streams.BatchAppendReq_Options{StreamIdentifier: stream}, IsFinal: true,
			ProposedMessages: []*streams.BatchAppendReq_ProposedMessage{{Id: id, Metadata: map[string]string{"type": "T", "content-type": "x"}}}},
		&streams.DeleteReq{Options: &streams.DeleteReq_Options{StreamIdentifier: stream, ExpectedStreamRevision: &streams.DeleteReq_Options_Revision{Revision: 1 << 63}}},
		&persistent.CreateReq{Options: &persistent.CreateReq_Options{GroupName: "g", Settings: &persistent.CreateReq_Settings{MaxRetryCount: -1, ReadBatchSize: 1 << 30, LiveBufferSize: -5}}},
		&persistent.ReadReq{Content: &persistent.ReadReq_Options_{Options: &persistent.ReadReq_Options{GroupName: "g", BufferSize: 1 << 30}}},
	}
}

// Whatever a message holds, the server answers with a refusal that it means, and goes on. A call is the message twice: some
// begin with options, and go on with what those are for.
func FuzzMessages(f *testing.F) {
	server, _ := start(f, f.TempDir())
	conn := raw(f, server.Endpoint())
	for i, m := range seeds() {
		encoded, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		for method := range fuzzed {
			f.Add(uint8(method), encoded, encoded) // #nosec G115 -- a few
		}
		f.Add(uint8(i), encoded, []byte{}) // #nosec G115 -- a few
	}
	f.Fuzz(func(t *testing.T, method uint8, first, second []byte) {
		if len(first)+len(second) > 1<<16 {
			t.Skip("sizes have tests of their own")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // subscriptions do not end by themselves
		defer cancel()
		name := fuzzed[int(method)%len(fuzzed)]
		call, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, name, grpc.ForceCodecV2(bytesAsTheyAre{}))
		for _, m := range [][]byte{first, second} {
			if err == nil {
				err = call.SendMsg(m)
			}
		}
		if err == nil {
			err = call.CloseSend()
		}
		if call == nil {
			return
		}
		for n := 0; n < 8 && (err == nil || errors.Is(err, io.EOF)); n++ {
			var answer []byte
			if err = call.RecvMsg(&answer); errors.Is(err, io.EOF) {
				return
			}
		}
		// Unknown is also what the official server refuses some messages with; its text tells the two apart.
		if s := status.Convert(err); s.Code() == codes.Unknown && s.Message() == "Internal error" || s.Code() == codes.Unavailable {
			t.Fatalf("%s %x %x: %v", name, first, second, err)
		}
	})
}
