//go:build unix

package esdbserver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"zhiping/infra/esdbserver/internal/model"
)

// readStream reads a random part of a stream, one way or the other.
func (a *actor) readStream(ctx context.Context, c *esdb.Client) error {
	name := a.stream()
	if a.rng.IntN(5) == 0 {
		name = "$$" + name
	}
	o, from := esdb.ReadStreamOptions{From: esdb.Start{}}, int64(0)
	if o.Direction = []esdb.Direction{esdb.Forwards, esdb.Backwards}[a.rng.IntN(2)]; o.Direction == esdb.Backwards {
		o.From, from = esdb.End{}, math.MaxInt64
	}
	if a.rng.IntN(2) == 0 {
		from = a.rng.Int64N(a.model.Stream(name).Last() + 4)
		o.From = esdb.Revision(uint64(from))
	}
	limit := 1 + a.rng.IntN(20)
	want, verdict := a.model.Read(name, from, o.Direction == esdb.Backwards, limit)
	got, err := a.mine(drain(c.ReadStream(ctx, name, o, uint64(limit))))
	switch answer := verdictOf(err); {
	case answer == model.Unknown:
		return err
	case answer != verdict:
		return faultf("read %s: %v (%v), want %v", name, answer, err, verdict)
	}
	if err := compare(want, got); err != nil {
		return faultf("read %s from %d, %d events, backwards %t: %w", name, from, limit, o.Direction == esdb.Backwards, err)
	}
	return nil
}

// readAll reads a random part of $all, one way or the other, and finds all of the actor's events there and no others.
func (a *actor) readAll(ctx context.Context, c *esdb.Client) error {
	if len(a.marks) == 0 {
		return nil
	}
	m := a.marks[a.rng.IntN(len(a.marks))]
	at := esdb.Position{Commit: m.position, Prepare: m.position}
	limit := 1 + a.rng.IntN(60)
	if a.rng.IntN(2) == 0 {
		got, err := a.mine(drain(c.ReadAll(ctx, esdb.ReadAllOptions{From: at}, uint64(limit))))
		if err != nil {
			return err
		}
		// Events of other actors are among those read, so how many of one's own come is open, but which is not.
		if err := compare(a.model.Log[m.entry:][:min(len(got), len(a.model.Log)-m.entry)], got); err != nil {
			return faultf("read $all from %d: %w", m.position, err)
		}
		return nil
	}
	got, err := a.mine(drain(c.ReadAll(ctx, esdb.ReadAllOptions{From: at, Direction: esdb.Backwards}, uint64(limit))))
	if err != nil {
		return err
	}
	want := slices.Clone(a.model.Log[:m.entry])
	slices.Reverse(want)
	if err := compare(want[:min(len(got), len(want))], got); err != nil {
		return faultf("read $all backwards from %d: %w", m.position, err)
	}
	return nil
}

// readMetadata asks for a stream's metadata as clients do.
func (a *actor) readMetadata(ctx context.Context, c *esdb.Client) error {
	name := a.stream()
	want, verdict := a.model.Read("$$"+name, math.MaxInt64, true, 1)
	got, err := c.GetStreamMetadata(ctx, name, esdb.ReadStreamOptions{})
	switch answer := verdictOf(err); {
	case answer == model.Unknown:
		return err
	case answer != verdict:
		return faultf("metadata of %s: %v (%v), want %v", name, answer, err, verdict)
	case answer != model.Accepted:
		return nil
	}
	var says struct {
		MaxCount *uint64 `json:"$maxCount"`
	}
	if err := json.Unmarshal(want[0].Data, &says); err != nil {
		return fault{err}
	}
	if g := got.MaxCount(); (g == nil) != (says.MaxCount == nil) || g != nil && *g != *says.MaxCount {
		return faultf("metadata of %s: maximum count %v, want %s", name, g, want[0].Data)
	}
	return nil
}

// sharedStream is appended to by all actors at once, each at the revision that it believes to be the last.
const sharedStream = "shared"

// race appends to the shared stream. Of several who expect the same revision one wins; a loser was too late indeed.
func (a *actor) race(ctx context.Context, c *esdb.Client) error {
	last, err := lastRevision(ctx, c)
	if err != nil {
		return err
	}
	e := a.event(sharedStream)
	e.Data = append(e.Data, make([]byte, 2000)...) // so that the stream is longer than a page
	_, revision, err := (&request{stream: sharedStream, expected: last, events: []model.Event{e}}).call(ctx, c)
	switch verdictOf(err) {
	case model.Accepted:
		if a.raced[e.ID] = int64(revision); int64(revision) != last+1 {
			return faultf("append to the shared stream at %d: answered %d", last, revision)
		}
		return nil
	case model.WrongRevision:
		now, err := lastRevision(ctx, c)
		if err == nil && now <= last {
			err = faultf("append to the shared stream at %d was refused, but it stands at %d", last, now)
		}
		return err
	}
	a.raced[e.ID] = -1
	return outcomeUnknown{err}
}

func lastRevision(ctx context.Context, c *esdb.Client) (int64, error) {
	got, err := drain(c.ReadStream(ctx, sharedStream, esdb.ReadStreamOptions{Direction: esdb.Backwards, From: esdb.End{}}, 1))
	if verdictOf(err) == model.NotFound {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	return int64(got[0].OriginalEvent().EventNumber), nil
}

// checkRaces compares the shared stream with what each actor was told: every acknowledged event is at its revision,
// and nothing is there that nobody sent.
func checkRaces(all []seen, actors []*actor) error {
	told := map[uuid.UUID]int64{}
	acknowledged := 0
	for _, a := range actors {
		for id, revision := range a.raced {
			if told[id] = revision; revision >= 0 {
				acknowledged++
			}
		}
	}
	next := int64(0)
	for _, e := range all {
		if e.Stream != sharedStream {
			continue
		}
		revision, ok := told[e.ID]
		if !ok || revision >= 0 && revision != e.Revision || e.Revision != next {
			return fmt.Errorf("shared stream: event %v is at %d, acknowledged as %d (known %t), expected %d", e.ID, e.Revision, revision, ok, next)
		}
		if next++; revision >= 0 {
			acknowledged--
		}
	}
	if acknowledged != 0 {
		return fmt.Errorf("shared stream: %d acknowledged events are missing", acknowledged)
	}
	return nil
}
