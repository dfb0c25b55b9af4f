package commands

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"zhiping/domain"
)

// loaded is a folded stream. It is shared through the cache, so nobody changes one in place.
type loaded[S any] struct {
	state    S
	revision int64 // NoStream for none
	position uint64
	at       time.Time   // of the last event: time never runs backwards within a stream
	commands *commandLog // of the events that are folded in
	usage    counted
}

func (l loaded[S]) result() Result[S] {
	if l.revision < 0 {
		return Result[S]{State: l.state}
	}
	return Result[S]{State: l.state, Revision: uint64(l.revision), Position: l.position}
}

// load folds a stream. From the cache it may be stale (fresh is false then), and a stream that is not remembered is
// taken for empty, which spares commands that begin one a round trip. Otherwise what the cache lacks is read, which
// for an unchanged stream is one short round trip.
func load[S, F, C, E any](ctx context.Context, x *Executor, a aggregate[S, F, C, E], stream string, cached bool) (l loaded[S], fresh bool, err error) {
	l = loaded[S]{revision: NoStream}
	if hit, ok := x.cache.get(stream); ok {
		if l, ok = hit.(loaded[S]); !ok {
			return l, false, fmt.Errorf("commands: cache holds %T for %s", hit, stream)
		}
	}
	if cached {
		return l, false, nil
	}
	ctx, end := x.span(ctx, "load "+a.category)
	defer func() { end(err) }()
	events, err := x.store.Read(ctx, stream, uint64(l.revision+1)) // #nosec G115 -- NoStream+1 is 0
	if err != nil {
		return l, false, fmt.Errorf("read %s: %w", stream, err)
	}
	for _, e := range events {
		if l, err = fold(a, l, e); err != nil {
			return l, false, err
		}
	}
	if len(events) > 0 {
		remember(x, a, stream, l)
	}
	return l, true, nil
}

func fold[S, F, C, E any](a aggregate[S, F, C, E], l loaded[S], e domain.Recorded) (loaded[S], error) {
	event, ok := e.Event.(E)
	if !ok {
		return l, fmt.Errorf("commands: %s@%d is a %T, which does not belong to %s", e.Stream, e.Revision, e.Event, a.category)
	}
	l.state = a.evolve(l.state, event)
	l.revision, l.position, l.at = int64(e.Revision), e.Position, e.At // #nosec G115 -- revisions stay far below 2^63
	l.commands, l.usage = l.commands.add(e.Meta.CommandID), l.usage.add(e.At, a.weight(event))
	return l, nil
}

// remember keeps a folded stream, which other commands share.
func remember[S, F, C, E any](x *Executor, a aggregate[S, F, C, E], stream string, l loaded[S]) {
	const entry, command = 1 << 10, 48 // bytes, about
	bytes := int64(entry + command*l.commands.len())
	if a.size != nil {
		bytes += a.size(l.state)
	}
	x.cache.put(stream, l, bytes)
}

// typeKey identifies a Go type; the stored name is data in the lists of event types, never derived from it.
func typeKey(event any) reflect.Type { return reflect.TypeOf(event) }
