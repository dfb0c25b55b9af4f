package esdbserver_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"zhiping/infra/esdbserver"
)

func drain(rs *esdb.ReadStream, err error) ([]*esdb.ResolvedEvent, error) {
	if err != nil {
		return nil, err
	}
	defer rs.Close()
	var out []*esdb.ResolvedEvent
	for {
		e, err := rs.Recv()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, e)
	}
}

func codeOf(err error) esdb.ErrorCode {
	var e *esdb.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return -1
}

func TestAppendAndRead(t *testing.T) {
	ctx := bounded(t)
	c := connect(t)
	res, err := c.AppendToStream(ctx, "a-1", esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, events(0, 10)...)
	require.NoError(t, err)
	require.Equal(t, uint64(9), res.NextExpectedVersion)

	rs, err := c.ReadStream(ctx, "a-1", esdb.ReadStreamOptions{}, math.MaxUint64)
	all := collect(t, rs, err)
	require.Len(t, all, 10)
	last := all[9].OriginalEvent()
	require.Equal(t, uint64(9), last.EventNumber)
	require.Equal(t, res.CommitPosition, last.Position.Commit)
	require.Equal(t, `{"n":9}`, string(last.Data))
	require.Equal(t, "application/json", last.ContentType)

	rs, err = c.ReadStream(ctx, "a-1", esdb.ReadStreamOptions{Direction: esdb.Backwards, From: esdb.End{}}, 3)
	back := collect(t, rs, err)
	require.Len(t, back, 3)
	require.Equal(t, uint64(7), back[2].OriginalEvent().EventNumber)

	rs, err = c.ReadAll(ctx, esdb.ReadAllOptions{From: esdb.Start{}}, math.MaxUint64)
	require.Len(t, collect(t, rs, err), 10)
	rs, err = c.ReadAll(ctx, esdb.ReadAllOptions{From: last.Position, Direction: esdb.Backwards}, math.MaxUint64)
	require.Len(t, collect(t, rs, err), 9, "backwards is exclusive")

	_, err = drain(c.ReadStream(ctx, "none", esdb.ReadStreamOptions{}, 1))
	require.Equal(t, esdb.ErrorCodeResourceNotFound, codeOf(err))
}

func TestExpectedRevisions(t *testing.T) {
	ctx := bounded(t)
	c := connect(t)
	seed := events(0, 3)
	_, err := c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, seed...)
	require.NoError(t, err)
	fresh := func() []esdb.EventData { return events(9, 10) }
	for name, x := range map[string]struct {
		stream   string
		expected esdb.ExpectedRevision
		events   []esdb.EventData
		code     esdb.ErrorCode // 0: succeeds
		revision uint64
	}{
		"no stream, but there is one":           {"s", esdb.NoStream{}, fresh(), esdb.ErrorCodeWrongExpectedVersion, 0},
		"exists, but there is none":             {"t", esdb.StreamExists{}, fresh(), esdb.ErrorCodeWrongExpectedVersion, 0},
		"too low":                               {"s", esdb.Revision(1), fresh(), esdb.ErrorCodeWrongExpectedVersion, 0},
		"too high":                              {"s", esdb.Revision(5), fresh(), esdb.ErrorCodeWrongExpectedVersion, 0},
		"the same again, from no stream":        {"s", esdb.NoStream{}, seed, 0, 2},
		"the same again, first only":            {"s", esdb.NoStream{}, seed[:1], 0, 0},
		"the same again, from the middle":       {"s", esdb.Revision(0), seed[1:], 0, 2},
		"the same again, any":                   {"s", esdb.Any{}, seed, 0, 2},
		"the same again, exists":                {"s", esdb.StreamExists{}, seed[1:2], 0, 1},
		"partly the same, any":                  {"s", esdb.Any{}, append(seed[1:3:3], fresh()...), esdb.ErrorCodeWrongExpectedVersion, 0},
		"partly the same, from a revision":      {"s", esdb.Revision(0), append(seed[1:3:3], fresh()...), esdb.ErrorCodeWrongExpectedVersion, 0},
		"the same event of another stream, any": {"u", esdb.Any{}, seed[:1], 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			res, err := c.AppendToStream(ctx, x.stream, esdb.AppendToStreamOptions{ExpectedRevision: x.expected}, x.events...)
			if x.code != 0 {
				require.Equal(t, x.code, codeOf(err), "%v", err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, x.revision, res.NextExpectedVersion)
		})
	}
	rs, err := c.ReadStream(ctx, "s", esdb.ReadStreamOptions{}, math.MaxUint64)
	require.Len(t, collect(t, rs, err), 3)
}

func TestSubscriptionGoesFromHistoryToLive(t *testing.T) {
	ctx := bounded(t)
	c := connect(t)
	any := esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}
	_, err := c.AppendToStream(ctx, "s-1", any, events(0, 700)...)
	require.NoError(t, err)
	byStream, err := c.SubscribeToStream(ctx, "s-1", esdb.SubscribeToStreamOptions{From: esdb.Start{}})
	require.NoError(t, err)
	defer byStream.Close()
	all, err := c.SubscribeToAll(ctx, esdb.SubscribeToAllOptions{From: esdb.Start{}})
	require.NoError(t, err)
	defer all.Close()
	done := make(chan error, 1)
	go func() {
		for n := 700; n < 900; n++ {
			if _, err := c.AppendToStream(ctx, "s-1", any, event(n)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for _, sub := range []*esdb.Subscription{byStream, all} {
		next, caughtUp := uint64(0), false
		for next < 900 {
			switch e := sub.Recv(); {
			case e.SubscriptionDropped != nil:
				t.Fatal(e.SubscriptionDropped.Error)
			case e.CaughtUp != nil:
				caughtUp = true
			case e.EventAppeared != nil:
				require.Equal(t, next, e.EventAppeared.OriginalEvent().EventNumber)
				next++
			}
		}
		require.True(t, caughtUp || next == 900)
	}
	require.NoError(t, <-done)
}

func TestSecondServerOnADirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	_, stop := start(t, dir)
	_, err := esdbserver.Open(t.Context(), esdbserver.Config{Path: dir, Addr: "127.0.0.1:0"})
	require.ErrorIs(t, err, esdbserver.ErrLocked)
	stop()
	start(t, dir)
}

func TestRestartKeepsEventsAndIdempotency(t *testing.T) {
	ctx := bounded(t)
	dir := t.TempDir()
	s, stop := start(t, dir)
	c := dial(t, s)
	seed := events(0, 5)
	first, err := c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, seed...)
	require.NoError(t, err)
	stop()
	s, _ = start(t, dir)
	c = dial(t, s)
	again, err := c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, seed...)
	require.NoError(t, err)
	require.Equal(t, first, again)
	rs, err := c.ReadAll(ctx, esdb.ReadAllOptions{From: esdb.Start{}}, math.MaxUint64)
	require.Len(t, collect(t, rs, err), 5)
}

// TestFilterWithoutAnExpressionMatchesNothing, as on the official server; the Go client does not send one.
func TestFilterWithoutAnExpressionMatchesNothing(t *testing.T) {
	ctx := bounded(t)
	s, _ := start(t, t.TempDir())
	_, err := dial(t, s).AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, event(0))
	require.NoError(t, err)
	call, err := streams.NewStreamsClient(raw(t, s.Endpoint())).Read(ctx, &streams.ReadReq{Options: &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{
			AllOption: &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}},
		}},
		CountOption: &streams.ReadReq_Options_Count{Count: 10},
		FilterOption: &streams.ReadReq_Options_Filter{Filter: &streams.ReadReq_Options_FilterOptions{
			Filter: &streams.ReadReq_Options_FilterOptions_EventType{EventType: &streams.ReadReq_Options_FilterOptions_Expression{}},
		}},
		UuidOption: &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}},
	}})
	require.NoError(t, err)
	_, err = call.Recv()
	require.ErrorIs(t, err, io.EOF)
}

func TestLinksAreResolvedAsFarAsTheyLeadSomewhere(t *testing.T) {
	ctx := bounded(t)
	c := connect(t)
	_, err := c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, event(0))
	require.NoError(t, err)
	link := func(data string) esdb.EventData {
		return esdb.EventData{EventID: uuid.New(), EventType: "$>", Data: []byte(data)}
	}
	_, err = c.AppendToStream(ctx, "links", esdb.AppendToStreamOptions{}, link("0@s"), link("7@s"), link("0@none"), link("no number"))
	require.NoError(t, err)
	rs, err := c.ReadStream(ctx, "links", esdb.ReadStreamOptions{ResolveLinkTos: true}, 10)
	got := collect(t, rs, err)
	require.Len(t, got, 4)
	require.Equal(t, "s", got[0].Event.StreamID)
	require.Equal(t, uint64(0), got[0].Link.EventNumber)
	for _, e := range got[1:3] {
		require.Nil(t, e.Event)
		require.NotNil(t, e.Link)
	}
	require.Nil(t, got[3].Link, "what is no link stands for itself")
	require.Equal(t, "no number", string(got[3].Event.Data))
}

// TestStreamNamesMayBeAnything keeps names apart that differ in what a database or a trailer might trip over.
func TestStreamNamesMayBeAnything(t *testing.T) {
	ctx := bounded(t)
	c := connect(t)
	names := []string{"a", "a\x00b", "a\x00c", "\xff\xfe", "\xff", "流", "a%b", "'; DROP TABLE events;--", strings.Repeat("n", 5000)}
	for i, name := range names {
		_, err := c.AppendToStream(ctx, name, esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, event(i))
		require.NoError(t, err, "%q", name)
	}
	for i, name := range names {
		got, err := readAllOf(t, c, name)
		require.NoError(t, err, "%q", name)
		require.Len(t, got, 1, "%q", name)
		require.Equal(t, name, got[0].Event.StreamID)
		require.Equal(t, fmt.Sprintf(`{"n":%d}`, i), string(got[0].Event.Data))
		_, err = c.TombstoneStream(ctx, name, esdb.TombstoneStreamOptions{})
		require.NoError(t, err, "%q", name)
		_, err = readAllOf(t, c, name)
		require.Equal(t, esdb.ErrorCodeStreamDeleted, codeOf(err), "%q", name)
	}
	for _, name := range []string{"", "$$"} {
		_, err := c.AppendToStream(ctx, name, esdb.AppendToStreamOptions{}, event(0))
		require.ErrorContains(t, err, "InvalidArgument", "%q", name)
	}
}
