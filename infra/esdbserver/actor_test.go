//go:build unix

package esdbserver_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"zhiping/infra/esdbserver/internal/model"
)

// actor sends one random request after the other to streams of its own, and compares each answer with its model. So
// many actors load one server, and each knows exactly what its streams must hold.
type actor struct {
	prefix string
	rng    *rand.Rand
	model  *model.Store
	names  []string // of its streams, dead ones included
	open   *request // its outcome is unknown
	marks  []mark
	raced  map[uuid.UUID]int64 // appends to the shared stream: revision, -1 when unknown
}

// mark says which position an entry of the log was acknowledged at.
type mark struct {
	entry    int
	position uint64
}

func newActor(n int, seed uint64) *actor {
	a := &actor{
		prefix: fmt.Sprintf("m%d-", n), rng: rand.New(rand.NewPCG(seed, uint64(n))), model: model.New(), raced: map[uuid.UUID]int64{},
	}
	for range 4 {
		a.addStream()
	}
	return a
}

func (a *actor) addStream() { a.names = append(a.names, fmt.Sprintf("%s%d", a.prefix, len(a.names))) }

// owns tells whether a stream is one of the actor's, or the metadata of one.
func (a *actor) owns(stream string) bool {
	return strings.HasPrefix(strings.TrimPrefix(stream, "$$"), a.prefix)
}

func (a *actor) id() uuid.UUID {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], a.rng.Uint64())
	binary.BigEndian.PutUint64(id[8:], a.rng.Uint64())
	return id
}

// stream picks one of the newest, some of which may be dead.
func (a *actor) stream() string { return a.names[len(a.names)-1-a.rng.IntN(min(len(a.names), 6))] }

// step sends one request. An error of outcomeUnknown leaves the request open; any other is a fault of the server.
func (a *actor) step(ctx context.Context, c *esdb.Client) error {
	if a.open != nil {
		return a.settle(ctx, c)
	}
	switch n := a.rng.IntN(100); {
	case n < 45:
		return a.send(ctx, c, a.append(a.stream()))
	case n < 57:
		return a.send(ctx, c, a.append("$$"+a.stream()))
	case n < 64:
		s := a.stream()
		return a.send(ctx, c, &request{stream: s, expected: a.expected(s)})
	case n < 66:
		s := a.stream()
		return a.send(ctx, c, &request{stream: s, expected: a.expected(s), forGood: true})
	case n < 72:
		return a.race(ctx, c)
	case n < 87:
		return a.readStream(ctx, c)
	case n < 95:
		return a.readAll(ctx, c)
	}
	return a.readMetadata(ctx, c)
}

func (a *actor) expected(stream string) int64 {
	last := a.model.Stream(stream).Last()
	switch a.rng.IntN(6) {
	case 0:
		return model.NoStream
	case 1:
		return model.StreamExists
	case 2:
		return a.rng.Int64N(last + 4)
	case 3:
		return model.Any
	}
	return last
}

// append makes a random append: new events, or some that are in the stream already, or both.
func (a *actor) append(stream string) *request {
	r := &request{stream: stream, expected: a.expected(stream), events: make([]model.Event, 1+a.rng.IntN(4))}
	old := a.model.Stream(stream).Events
	again := math.MaxInt
	if len(old) > 0 && a.rng.IntN(3) == 0 {
		again = a.rng.IntN(len(old))
		if a.rng.IntN(2) == 0 {
			r.expected = int64(again) - 1
		}
	}
	for i := range r.events {
		if again < len(old)-i && old[again+i].ID != uuid.Nil {
			r.events[i] = old[again+i]
			continue
		}
		r.events[i] = a.event(stream)
	}
	return r
}

func (a *actor) event(stream string) model.Event {
	e := model.Event{ID: a.id(), Type: fmt.Sprintf("T%d", a.rng.IntN(3)), Data: make([]byte, a.rng.IntN(1500))}
	for i := range e.Data {
		e.Data[i] = e.ID[i%16] + byte(i/16)
	}
	if strings.HasPrefix(stream, "$$") {
		e.Type = model.TypeMetadata
		e.Data = []byte([]string{
			`{}`, fmt.Sprintf(`{"$maxCount":%d}`, 1+a.rng.IntN(8)), fmt.Sprintf(`{"$tb":%d}`, a.rng.IntN(12)),
			fmt.Sprintf(`{"$maxCount":%d,"$tb":%d,"owner":"x"}`, 1+a.rng.IntN(8), a.rng.IntN(12)), `{"$maxCount":0,"x":[1]}`,
		}[a.rng.IntN(5)])
	}
	return e
}

// send sends a request and compares the answer with the model's.
func (a *actor) send(ctx context.Context, c *esdb.Client, r *request) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	want, revision := a.judge(r)
	position, got, err := r.call(ctx, c)
	answer := verdictOf(err)
	switch {
	case answer == model.Unknown:
		a.open = r
		return outcomeUnknown{fmt.Errorf("%s: %w", r, err)}
	case want == model.Repeated && answer == model.Accepted, want == answer:
	default:
		return faultf("%s: answered %v (%v), want %v", r, answer, err, want)
	}
	if answer == model.Accepted && len(r.events) > 0 && got != uint64(revision) {
		return faultf("%s: answered revision %d, want %d", r, got, revision)
	}
	if want == model.Accepted {
		a.apply(r, position)
	}
	return nil
}

func (a *actor) judge(r *request) (model.Verdict, int64) {
	if len(r.events) > 0 {
		return a.model.JudgeAppend(r.stream, r.expected, r.events)
	}
	return a.model.JudgeRemove(r.stream, r.expected, r.forGood), 0
}

// apply lets the model follow. position, if known, is that of the last event of an append, or of the deletion.
func (a *actor) apply(r *request, position uint64) {
	at := len(a.model.Log)
	if len(r.events) > 0 {
		a.model.Append(r.stream, r.events)
		at += len(r.events) - 1
	} else {
		a.model.Remove(r.stream, r.forGood)
	}
	if r.forGood {
		a.addStream()
	}
	if position > 0 {
		a.marks = append(a.marks, mark{at, position})
	}
}

// settle finds out whether the open request has happened, by looking into $all behind what is known; wholly or not
// at all. Then it may send it again, as clients do.
func (a *actor) settle(ctx context.Context, c *esdb.Client) error {
	known, from := 0, esdb.Position{}
	if n := len(a.marks); n > 0 {
		known, from = a.marks[n-1].entry, esdb.Position{Commit: a.marks[n-1].position, Prepare: a.marks[n-1].position}
	}
	found, err := a.mine(drain(c.ReadAll(ctx, esdb.ReadAllOptions{From: from}, math.MaxUint64)))
	if err != nil {
		return err
	}
	r := a.open
	a.open = nil
	if want, _ := a.judge(r); want == model.Accepted && len(found) > len(a.model.Log)-known {
		a.apply(r, 0)
	}
	if err := compare(a.model.Log[known:], found); err != nil {
		return faultf("%s, whose outcome was unknown: %w", r, err)
	}
	if len(found) > 0 {
		a.marks = append(a.marks, mark{len(a.model.Log) - 1, found[len(found)-1].position})
	}
	if len(r.events) > 0 && a.rng.IntN(2) == 0 {
		return a.send(ctx, c, r)
	}
	return nil
}
