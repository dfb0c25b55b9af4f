package esdbserver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"

	"zhiping/infra/esdbserver/internal/store"
)

// streamsService implements event_store.client.streams.Streams.
type streamsService struct {
	streams.UnimplementedStreamsServer
	*Server
}

const (
	propType        = "type"
	propContentType = "content-type"
	propCreated     = "created"
	typeJSON        = "application/json"
	typeBinary      = "application/octet-stream"
)

// Append takes the options and then the events of one append (Streams.Append.cs). A wrong expected revision is
// not an error status but an answer.
func (s *streamsService) Append(stream streams.Streams_AppendServer) error {
	expected, res, err := s.append(stream)
	var wrong *store.WrongExpectedError
	switch {
	case errors.As(err, &wrong):
		return stream.SendAndClose(wrongAnswer(expected, wrong.Current))
	case err != nil:
		return s.failStream(err, stream)
	}
	return stream.SendAndClose(successAnswer(res))
}

func (s *streamsService) append(stream streams.Streams_AppendServer) (int64, store.Result, error) {
	req, err := stream.Recv()
	if err != nil {
		return 0, store.Result{}, err
	}
	name, expected, failure := s.appendOptions(stream.Context(), req.GetOptions())
	var events []store.Proposed
	size := 0
	// The client's stream is read to its end even after a fault: a status sent earlier would reach the client as
	// an end of file, without its trailers.
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return expected, store.Result{}, err
		}
		if failure != nil {
			continue
		}
		m := req.GetProposedMessage()
		e, err := s.proposed(m.GetId(), m.GetMetadata(), m.GetData(), m.GetCustomMetadata(), &size)
		if err != nil {
			failure, events = err, nil
			continue
		}
		events = append(events, e)
	}
	if failure != nil {
		return expected, store.Result{}, failure
	}
	res, err := s.store.Append(stream.Context(), name, expected, events)
	return expected, res, err
}

func (s *streamsService) appendOptions(ctx context.Context, o *streams.AppendReq_Options) (string, int64, error) {
	name, err := streamName(o.GetStreamIdentifier())
	if err != nil {
		return "", 0, err
	}
	expected, err := expectedRevision(o.GetExpectedStreamRevision())
	if err != nil {
		return "", 0, err
	}
	return name, expected, s.authorize(ctx, name, actWrite)
}

// proposed checks one event to append and adds up what counts towards the append limit.
func (s *Server) proposed(id *shared.UUID, props map[string]string, data, meta []byte, size *int) (store.Proposed, error) {
	for _, name := range []string{propType, propContentType} {
		if _, ok := props[name]; !ok {
			return store.Proposed{}, refuse(codes.InvalidArgument, fmt.Sprintf("Required Metadata Property '%s' is missing", name),
				trailerException, "missing-required-metadata-property", trailerRequired, propType+","+propContentType)
		}
	}
	kind, content := props[propType], props[propContentType]
	u, err := parseUUID(id)
	if err != nil {
		return store.Proposed{}, err
	}
	if u == uuid.Nil || kind == "" {
		return store.Proposed{}, refuse(codes.Unknown, "an event needs an id and a type")
	}
	if *size += len(data) + len(meta) + 2*len(kind); *size > s.cfg.MaxAppend {
		return store.Proposed{}, tooLarge(s.cfg.MaxAppend)
	}
	return store.Proposed{ID: u, Type: kind, JSON: content == typeJSON, Data: data, Meta: meta}, nil
}

func streamName(id *shared.StreamIdentifier) (string, error) {
	name := string(id.GetStreamName())
	if name == "" || name == "$$" { // nor does the metadata of no stream have one
		return "", invalid("no stream name")
	}
	return name, nil
}

func parseUUID(id *shared.UUID) (uuid.UUID, error) {
	switch v := id.GetValue().(type) {
	case *shared.UUID_Structured_:
		var u uuid.UUID
		binary.BigEndian.PutUint64(u[:8], uint64(v.Structured.GetMostSignificantBits()))  // #nosec G115 -- the bits of a UUID
		binary.BigEndian.PutUint64(u[8:], uint64(v.Structured.GetLeastSignificantBits())) // #nosec G115 -- the bits of a UUID
		return u, nil
	case *shared.UUID_String_:
		u, err := uuid.Parse(v.String_)
		if err != nil {
			return u, refuse(codes.Unknown, "malformed event id")
		}
		return u, nil
	}
	return uuid.Nil, nil
}

func successAnswer(r store.Result) *streams.AppendResp {
	ok := &streams.AppendResp_Success{PositionOption: &streams.AppendResp_Success_Position{
		Position: &streams.AppendResp_Position{CommitPosition: uint64(r.Position), PreparePosition: uint64(r.Position)}, // #nosec G115 -- positions and revisions are never negative
	}}
	if r.Revision < 0 {
		ok.CurrentRevisionOption = &streams.AppendResp_Success_NoStream{NoStream: &shared.Empty{}}
	} else {
		ok.CurrentRevisionOption = &streams.AppendResp_Success_CurrentRevision{CurrentRevision: uint64(r.Revision)}
	}
	return &streams.AppendResp{Result: &streams.AppendResp_Success_{Success: ok}}
}
