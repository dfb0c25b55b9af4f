//go:build unix

package esdbserver_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"zhiping/infra/esdbserver/internal/model"
)

// request changes a stream: it appends events, or removes the stream when there are none.
type request struct {
	stream   string
	expected int64
	events   []model.Event
	forGood  bool
}

func (r *request) String() string {
	if len(r.events) > 0 {
		return fmt.Sprintf("append %d to %s at %d", len(r.events), r.stream, r.expected)
	}
	return fmt.Sprintf("delete %s at %d, for good %t", r.stream, r.expected, r.forGood)
}

func expectation(n int64) esdb.ExpectedRevision {
	switch n {
	case model.Any:
		return esdb.Any{}
	case model.NoStream:
		return esdb.NoStream{}
	case model.StreamExists:
		return esdb.StreamExists{}
	}
	return esdb.Revision(uint64(n))
}

func (r *request) call(ctx context.Context, c *esdb.Client) (position, revision uint64, err error) {
	var deleted *esdb.DeleteResult
	switch expected := expectation(r.expected); {
	case len(r.events) > 0:
		proposed := make([]esdb.EventData, len(r.events))
		for i, e := range r.events {
			proposed[i] = esdb.EventData{EventID: e.ID, EventType: e.Type, Data: e.Data}
			if e.Type == model.TypeMetadata {
				proposed[i].ContentType = esdb.ContentTypeJson
			}
		}
		res, err := c.AppendToStream(ctx, r.stream, esdb.AppendToStreamOptions{ExpectedRevision: expected}, proposed...)
		if err != nil {
			return 0, 0, err
		}
		return res.CommitPosition, res.NextExpectedVersion, nil
	case r.forGood:
		deleted, err = c.TombstoneStream(ctx, r.stream, esdb.TombstoneStreamOptions{ExpectedRevision: expected})
	default:
		deleted, err = c.DeleteStream(ctx, r.stream, esdb.DeleteStreamOptions{ExpectedRevision: expected})
	}
	if err != nil {
		return 0, 0, err
	}
	return deleted.Position.Commit, 0, nil
}

// fault is something that the server must not do. All other errors are those of a server that was killed.
type fault struct{ error }

func (f fault) Unwrap() error { return f.error }

func faultf(format string, args ...any) error { return fault{fmt.Errorf(format, args...)} }

// outcomeUnknown is the error of a request that may have happened or not.
type outcomeUnknown struct{ error }

func (o outcomeUnknown) Unwrap() error { return o.error }

func verdictOf(err error) model.Verdict {
	switch code := codeOf(err); {
	case err == nil:
		return model.Accepted
	case code == esdb.ErrorCodeStreamDeleted:
		return model.Deleted
	case code == esdb.ErrorCodeResourceNotFound:
		return model.NotFound
	case code == esdb.ErrorCodeWrongExpectedVersion, strings.Contains(err.Error(), "WrongExpectedVersion"): // Delete's has no code of its own
		return model.WrongRevision
	}
	return model.Unknown
}

// seen is an event as a client sees it.
type seen struct {
	model.Entry
	position uint64
}

func seenOf(e *esdb.RecordedEvent) seen {
	return seen{model.Entry{
		Event: model.Event{ID: e.EventID, Type: e.EventType, Data: e.Data}, Stream: e.StreamID, Revision: int64(e.EventNumber),
	}, e.Position.Commit}
}

// mine keeps what is in the actor's own streams.
func (a *actor) mine(events []*esdb.ResolvedEvent, err error) ([]seen, error) {
	var out []seen
	for _, e := range events {
		if a.owns(e.OriginalEvent().StreamID) {
			out = append(out, seenOf(e.OriginalEvent()))
		}
	}
	return out, err
}

// compare finds the first difference between what should be there and what is.
func compare(want []model.Entry, got []seen) error {
	for i := range min(len(want), len(got)) {
		w, g := want[i], got[i]
		if w.Stream != g.Stream || w.Revision != g.Revision || w.Type != g.Type || !bytes.Equal(w.Data, g.Data) ||
			w.ID != uuid.Nil && w.ID != g.ID {
			return fmt.Errorf("entry %d is %d@%s (%s, %v), want %d@%s (%s, %v)",
				i, g.Revision, g.Stream, g.Type, g.ID, w.Revision, w.Stream, w.Type, w.ID)
		}
	}
	if len(want) != len(got) {
		return fmt.Errorf("%d entries, want %d", len(got), len(want))
	}
	return nil
}
