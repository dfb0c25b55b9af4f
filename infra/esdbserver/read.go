package esdbserver

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"

	"zhiping/infra/esdbserver/internal/store"
)

// page bounds what one call holds in memory while its client does not read: a thousand of them hold 64 MiB.
var page = store.Page{Limit: 256, MaxBytes: 64 << 10}

// Read answers a bounded read, or goes on for ever as a subscription (Streams.Read.cs).
func (s *streamsService) Read(req *streams.ReadReq, stream streams.Streams_ReadServer) error {
	r, err := s.newReading(stream, req.GetOptions())
	if err == nil {
		err = r.run(req.GetOptions())
	}
	return s.failStream(err, stream)
}

// reading is one Read call.
type reading struct {
	*Server
	stream       streams.Streams_ReadServer
	ctx          context.Context
	backwards    bool
	resolveLinks bool
	stringIDs    bool
	left         uint64 // events still wanted
	filter       *filter
}

func (s *streamsService) newReading(stream streams.Streams_ReadServer, o *streams.ReadReq_Options) (*reading, error) {
	r := &reading{
		Server: s.Server, stream: stream, ctx: stream.Context(), resolveLinks: o.GetResolveLinks(),
		backwards: o.GetReadDirection() == streams.ReadReq_Options_Backwards,
	}
	_, r.stringIDs = o.GetUuidOption().GetContent().(*streams.ReadReq_Options_UUIDOption_String_)
	if o.GetUuidOption().GetContent() == nil {
		return nil, invalid("no uuid option")
	}
	if f, ok := o.GetFilterOption().(*streams.ReadReq_Options_Filter); ok {
		var err error
		if r.filter, err = newFilter(f.Filter); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *reading) run(o *streams.ReadReq_Options) error {
	live := false
	switch x := o.GetCountOption().(type) {
	case *streams.ReadReq_Options_Count:
		if r.left = x.Count; r.left == 0 {
			return refuse(codes.Unknown, "count must be positive")
		}
	case *streams.ReadReq_Options_Subscription:
		if live = true; r.backwards {
			return invalid("a subscription cannot go backwards")
		}
	default:
		return invalid("neither count nor subscription")
	}
	switch x := o.GetStreamOption().(type) {
	case *streams.ReadReq_Options_Stream:
		name, err := streamName(x.Stream.GetStreamIdentifier())
		if err != nil {
			return err
		}
		if r.filter != nil {
			return invalid("a stream cannot be filtered")
		}
		if err := r.authorize(r.ctx, name, actRead); err != nil {
			return err
		}
		if live {
			return r.followStream(name, x.Stream)
		}
		return r.readStream(name, x.Stream)
	case *streams.ReadReq_Options_All:
		if err := r.authorize(r.ctx, "$all", actRead); err != nil {
			return err
		}
		if live {
			return r.followAll(x.All)
		}
		return r.readAll(x.All)
	}
	return invalid("neither a stream nor $all")
}

func (r *reading) readStream(name string, o *streams.ReadReq_Options_StreamOptions) error {
	var from int64
	switch x := o.GetRevisionOption().(type) {
	case *streams.ReadReq_Options_StreamOptions_Revision:
		from = revisionOf(x.Revision)
	case *streams.ReadReq_Options_StreamOptions_Start:
	case *streams.ReadReq_Options_StreamOptions_End:
		if from = math.MaxInt64; !r.backwards {
			return refuse(codes.Unknown, "cannot read forwards from the end")
		}
	default:
		return invalid("no revision")
	}
	end := int64(-1) // where the stream ended when the read began: a read that is overtaken by appends ends too
	for {
		p, err := r.store.ReadStream(r.ctx, name, from, r.backwards, r.page())
		if errors.Is(err, store.ErrNotFound) {
			return r.notFound(name)
		}
		if err != nil {
			return err
		}
		if end < 0 {
			end = p.Stream.Last
		}
		for _, e := range p.Events {
			if e.Revision > end {
				return nil
			}
			if err := r.send(e); err != nil {
				return err
			}
			if r.left--; r.left == 0 {
				return nil
			}
		}
		if p.Done {
			return nil
		}
		from = p.Next
	}
}

// page is no larger than what is still wanted.
func (r *reading) page() store.Page {
	p := page
	if r.left < uint64(p.Limit) && r.filter == nil { // #nosec G115 -- both are bounded by the page
		p.Limit = int(r.left) // #nosec G115 -- both are bounded by the page
	}
	return p
}

func (r *reading) notFound(name string) error {
	return r.stream.Send(&streams.ReadResp{Content: &streams.ReadResp_StreamNotFound_{
		StreamNotFound: &streams.ReadResp_StreamNotFound{StreamIdentifier: identifier(name)},
	}})
}

func (r *reading) readAll(o *streams.ReadReq_Options_AllOptions) error {
	from, err := r.allFrom(o)
	if err != nil {
		return err
	}
	end := r.store.Head()
	for {
		events, err := r.store.ReadAll(r.ctx, from, r.backwards, r.page())
		if err != nil {
			return err
		}
		for _, e := range events {
			from = e.Position
			if from > end && !r.backwards {
				return nil
			}
			if hiddenFromAll(e) || !r.filter.match(e) {
				continue
			}
			if err := r.send(e); err != nil {
				return err
			}
			if r.left--; r.left == 0 {
				return nil
			}
		}
		if len(events) == 0 {
			return nil
		}
		if !r.backwards {
			from++
		}
	}
}

// allFrom is the first position to read forwards, or the position to read below backwards.
func (r *reading) allFrom(o *streams.ReadReq_Options_AllOptions) (int64, error) {
	switch x := o.GetAllOption().(type) {
	case *streams.ReadReq_Options_AllOptions_Position:
		if x.Position.GetCommitPosition() < x.Position.GetPreparePosition() {
			return 0, invalid("commit position below prepare position")
		}
		return revisionOf(x.Position.GetCommitPosition()), nil
	case *streams.ReadReq_Options_AllOptions_Start:
		return 0, nil
	case *streams.ReadReq_Options_AllOptions_End:
		return math.MaxInt64, nil
	}
	return 0, invalid("no position")
}

// send sends an event, with the one it links to if that is wanted and can be had.
func (r *reading) send(e *store.Event) error {
	event, link := e, (*store.Event)(nil)
	if r.resolveLinks {
		var err error
		if event, link, err = r.resolve(r.ctx, e); err != nil {
			return err
		}
	}
	return r.stream.SendMsg(encodeEvent(event, link, r.stringIDs, noRetries))
}

// resolve finds what a link ("revision@stream") leads to, which is nothing when that is deleted or never was. What is
// no link, or begins with no number, stands for itself (StorageReaderWorker.ResolveLinkToEvent).
func (s *Server) resolve(ctx context.Context, e *store.Event) (event, link *store.Event, err error) {
	if e.Type != store.LinkType {
		return e, nil, nil
	}
	number, name, ok := strings.Cut(string(e.Data), "@")
	revision, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return e, nil, nil //nolint:nilerr // no link, so it stands for itself
	}
	if !ok || revision < 0 {
		return nil, e, nil
	}
	event, err = s.store.EventAt(ctx, name, revision)
	return event, e, err
}
