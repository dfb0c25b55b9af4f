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
// followed from its beginning.
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
	for caught := false; ; {
		p, err := r.store.ReadStream(r.ctx, name, next, false, page)
		switch {
		case errors.Is(err, store.ErrNotFound):
			p.Done = true
		case err != nil:
			return r.tombstoned(name, caught, err)
		default:
			for _, e := range p.Events {
				if err := r.send(e); err != nil {
					return err
				}
			}
			next = p.Next
		}
		if !p.Done {
			caught = false
			err = r.ended()
		} else {
			if !caught {
				if err := r.caughtUp(); err != nil {
					return err
				}
			}
			caught = true
			err = r.await(w)
		}
		if err != nil {
			return err
		}
	}
}

// tombstoned delivers the tombstone to a subscription that saw the stream alive, and ends it.
func (r *reading) tombstoned(name string, wasLive bool, err error) error {
	var deleted *store.StreamDeletedError
	if !errors.As(err, &deleted) || !wasLive {
		return err
	}
	e, readErr := r.store.TombstoneOf(r.ctx, name)
	if readErr != nil {
		return readErr
	}
	if e != nil {
		if err := r.send(e); err != nil {
			return err
		}
	}
	return err
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
		Checkpoint: &streams.ReadResp_Checkpoint{CommitPosition: uint64(at), PreparePosition: uint64(at)},
	}})
}

func identifier(name string) *shared.StreamIdentifier {
	return &shared.StreamIdentifier{StreamName: []byte(name)}
}
