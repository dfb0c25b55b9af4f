package esdbserver

import (
	"errors"
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"

	"zhiping/infra/esdbserver/internal/store"
)

// confirm must be the first message of a subscription; clients fail on any other.
func (r *reading) confirm() error {
	return r.stream.Send(&streams.ReadResp{Content: &streams.ReadResp_Confirmation{
		Confirmation: &streams.ReadResp_SubscriptionConfirmation{SubscriptionId: uuid.NewString()},
	}})
}

func (r *reading) caughtUp() error {
	return r.stream.Send(&streams.ReadResp{Content: &streams.ReadResp_CaughtUp_{CaughtUp: &streams.ReadResp_CaughtUp{}}})
}

// await waits for a commit that concerns the watch.
func (r *reading) await(w *store.Watch) error {
	select {
	case <-w.C():
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	case <-r.closing:
		return errClosing
	}
}

// ended tells a long call that its client is gone or the server stops, which Send alone notices late.
func (r *reading) ended() error {
	select {
	case <-r.ctx.Done():
		return r.ctx.Err()
	case <-r.closing:
		return errClosing
	default:
		return nil
	}
}

// followStream delivers a stream from a revision on, exclusive, for ever. A stream that does not exist yet is
// followed from its beginning. A tombstone is delivered to those who saw the stream alive, and ends the call.
func (r *reading) followStream(name string, o *streams.ReadReq_Options_StreamOptions) error {
	w := r.store.Watch(name)
	defer w.Close()
	next := int64(0)
	switch x := o.GetRevisionOption().(type) {
	case *streams.ReadReq_Options_StreamOptions_Revision:
		if next = revisionOf(x.Revision); next < math.MaxInt64 {
			next++
		}
	case *streams.ReadReq_Options_StreamOptions_Start:
	case *streams.ReadReq_Options_StreamOptions_End:
		info, err := r.store.Stream(r.ctx, name)
		if err != nil {
			return err
		}
		if !info.Tombstoned() {
			next = info.Last + 1
		}
	default:
		return invalid("no revision")
	}
	if err := r.confirm(); err != nil {
		return err
	}
	for live := false; ; {
		read := r.history
		if live {
			read = r.committed
		}
		p, err := read(name, next)
		if err != nil {
			return err
		}
		for _, e := range p.Events {
			if err := r.send(e); err != nil {
				return err
			}
			if e.Type == store.TombstoneType && e.Revision == math.MaxInt64 {
				return &store.StreamDeletedError{Stream: name}
			}
		}
		next = max(next, p.Next)
		switch {
		case !p.Done:
			err = r.ended()
		case live:
			err = r.await(w)
		default:
			// Whatever is committed from now on is delivered, even if it is truncated before it is read.
			live, next = true, max(next, p.Stream.Last+1)
			err = r.caughtUp()
		}
		if err != nil {
			return err
		}
	}
}

// history reads a page of what a stream shows. A stream that does not exist, or is deleted softly, shows nothing.
func (r *reading) history(name string, from int64) (store.StreamPage, error) {
	p, err := r.store.ReadStream(r.ctx, name, from, false, page)
	if errors.Is(err, store.ErrNotFound) {
		p.Next, p.Done, err = from, true, nil
	}
	return p, err
}

func (r *reading) committed(name string, from int64) (store.StreamPage, error) {
	return r.store.ReadCommitted(r.ctx, name, from, page)
}

// followAll delivers everything from a position on, exclusive, for ever. With a filter, checkpoints tell the
// client how far it is while nothing matches.
func (r *reading) followAll(o *streams.ReadReq_Options_AllOptions) error {
	if r.filter != nil && r.filter.interval == 0 {
		return invalid("checkpoint interval multiplier must be positive")
	}
	w := r.store.Watch("")
	defer w.Close()
	next, err := r.allFrom(o)
	if err != nil {
		return err
	}
	switch o.GetAllOption().(type) {
	case *streams.ReadReq_Options_AllOptions_End:
		next = r.store.Head() + 1
	case *streams.ReadReq_Options_AllOptions_Position:
		if next < math.MaxInt64 {
			next++
		}
	}
	if err := r.confirm(); err != nil {
		return err
	}
	considered := uint64(0)
	for caught := false; ; {
		events, err := r.store.ReadAll(r.ctx, next, false, page)
		if err != nil {
			return err
		}
		for _, e := range events {
			next = e.Position + 1
			if hiddenFromAll(e) {
				continue
			}
			if r.filter.match(e) {
				if err := r.send(e); err != nil {
					return err
				}
			}
			if considered++; r.filter != nil && considered%r.filter.interval == 0 {
				if err := r.checkpoint(e.Position); err != nil {
					return err
				}
			}
		}
		if len(events) > 0 {
			// A page may have been short for its bytes, so only an empty one is the end.
			if next <= r.store.Head() {
				caught = false
			}
			if err := r.ended(); err != nil {
				return err
			}
			continue
		}
		if !caught {
			if err := r.goLive(next - 1); err != nil {
				return err
			}
		}
		caught = true
		if err := r.await(w); err != nil {
			return err
		}
	}
}

// goLive marks the end of history: a checkpoint where there is a filter, then the message.
func (r *reading) goLive(at int64) error {
	if r.filter != nil && at > 0 && at < math.MaxInt64-1 {
		if err := r.checkpoint(at); err != nil {
			return err
		}
	}
	return r.caughtUp()
}

func (r *reading) checkpoint(at int64) error {
	return r.stream.Send(&streams.ReadResp{Content: &streams.ReadResp_Checkpoint_{
		Checkpoint: &streams.ReadResp_Checkpoint{CommitPosition: uint64(at), PreparePosition: uint64(at)}, // #nosec G115 -- positions and revisions are never negative
	}})
}

func identifier(name string) *shared.StreamIdentifier {
	return &shared.StreamIdentifier{StreamName: []byte(name)}
}
