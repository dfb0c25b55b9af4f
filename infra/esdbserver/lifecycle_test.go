package esdbserver_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"zhiping/infra/esdbserver"
)

// raw is a connection without the client, for what it hides.
func raw(t testing.TB, endpoint string, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	c, err := grpc.NewClient(endpoint, append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestFilteredSubscriptionGetsCheckpoints(t *testing.T) {
	ctx := bounded(t)
	c := connect(t)
	_, err := c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, events(0, 100)...)
	require.NoError(t, err)
	sub, err := c.SubscribeToAll(ctx, esdb.SubscribeToAllOptions{
		From: esdb.Start{}, MaxSearchWindow: 10, CheckpointInterval: 2,
		Filter: &esdb.SubscriptionFilter{Type: esdb.EventFilterType, Regex: "^Rare$"},
	})
	require.NoError(t, err)
	defer func() { _ = sub.Close() }()
	var at []uint64
	for {
		e := sub.Recv()
		require.Nil(t, e.SubscriptionDropped)
		require.Nil(t, e.EventAppeared)
		if e.CaughtUp != nil {
			break
		}
		at = append(at, e.CheckPointReached.Commit)
	}
	require.Equal(t, []uint64{20, 40, 60, 80, 100, 100}, at, "one each 2 x 10 events, and one on going live")
}

func TestTooLargeAppendIsRefusedWithItsLimit(t *testing.T) {
	ctx := bounded(t)
	s, _ := start(t, t.TempDir(), func(c *esdbserver.Config) { c.MaxAppend = 1000 })
	e := event(0)
	e.Data = make([]byte, 2000)
	_, err := dial(t, s).AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, e, event(1))
	require.ErrorContains(t, err, "Maximum Append Size of 1000 Exceeded")

	call, err := streams.NewStreamsClient(raw(t, s.Endpoint())).Append(ctx)
	require.NoError(t, err)
	require.NoError(t, call.Send(&streams.AppendReq{Content: &streams.AppendReq_Options_{Options: &streams.AppendReq_Options{
		StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte("s")},
		ExpectedStreamRevision: &streams.AppendReq_Options_Any{Any: &shared.Empty{}},
	}}}))
	require.NoError(t, call.Send(&streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{
		ProposedMessage: &streams.AppendReq_ProposedMessage{Metadata: map[string]string{"type": "T"}},
	}}))
	_, err = call.CloseAndRecv()
	require.Equal(t, codes.InvalidArgument, status.Code(err))
	require.Equal(t, []string{"missing-required-metadata-property"}, call.Trailer().Get("exception"))
	require.Equal(t, []string{"type,content-type"}, call.Trailer().Get("required-metadata-properties"))
}

func TestDeletionErrorsCarryTrailers(t *testing.T) {
	ctx := bounded(t)
	s, _ := start(t, t.TempDir())
	var trailers metadata.MD
	_, err := streams.NewStreamsClient(raw(t, s.Endpoint())).Delete(ctx, &streams.DeleteReq{Options: &streams.DeleteReq_Options{
		StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte("流")},
		ExpectedStreamRevision: &streams.DeleteReq_Options_Revision{Revision: 4},
	}}, grpc.Trailer(&trailers))
	require.Equal(t, codes.FailedPrecondition, status.Code(err))
	delete(trailers, "content-type")
	require.Equal(t, metadata.MD{
		"exception": {"wrong-expected-version"}, "stream-name": {"%E6%B5%81"}, "expected-version": {"4"}, "actual-version": {"-1"},
	}, trailers)
}

func TestGossipNamesOneLeader(t *testing.T) {
	s, _ := start(t, t.TempDir(), func(c *esdbserver.Config) { c.Socket, c.Addr = "", "127.0.0.1:0" })
	info, err := gossip.NewGossipClient(raw(t, s.Endpoint())).Read(bounded(t), &shared.Empty{})
	require.NoError(t, err)
	require.Len(t, info.Members, 1)
	m := info.Members[0]
	require.Equal(t, gossip.MemberInfo_Leader, m.State)
	require.Equal(t, s.Addr(), fmt.Sprintf("%s:%d", m.HttpEndPoint.Address, m.HttpEndPoint.Port))
}

func TestLongSocketPathWorks(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, strings.Repeat("long/", 40), "es.sock")
	s, stop := start(t, dir, func(c *esdbserver.Config) { c.Socket = socket })
	endpoint, err := esdbserver.EndpointOf(socket)
	require.NoError(t, err)
	require.Equal(t, s.Endpoint(), endpoint, "another process finds it")
	_, err = dial(t, s).AppendToStream(bounded(t), "s", esdb.AppendToStreamOptions{}, event(0))
	require.NoError(t, err)
	path := strings.TrimPrefix(s.Endpoint(), "unix://")
	stop()
	_, err = os.Stat(filepath.Dir(path))
	require.ErrorIs(t, err, os.ErrNotExist, "the temporary directory is gone")
	_, err = esdbserver.EndpointOf(socket)
	require.ErrorIs(t, err, os.ErrNotExist, "and nothing leads there")
	short, err := esdbserver.EndpointOf("/run/es.sock")
	require.NoError(t, err)
	require.Equal(t, "unix:///run/es.sock", short)
}

func TestBackupOfARunningServerIsComplete(t *testing.T) {
	ctx := bounded(t)
	dir := t.TempDir()
	s, _ := start(t, dir)
	c := dial(t, s)
	_, err := c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, events(0, 50)...)
	require.NoError(t, err)
	copied := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, s.Backup(ctx, copied))
	_, err = c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, event(50))
	require.NoError(t, err)
	require.NoError(t, esdbserver.Verify(ctx, copied, io.Discard))
	s2, _ := start(t, copied)
	got, err := readAllOf(t, dial(t, s2), "s")
	require.NoError(t, err)
	require.Len(t, got, 50)
	require.Error(t, s.Backup(ctx, copied), "never onto anything")
}

func TestConfigIsValidated(t *testing.T) {
	for name, x := range map[string]struct {
		cfg  esdbserver.Config
		says string
	}{
		"no directory":            {esdbserver.Config{Addr: "127.0.0.1:0"}, "no data directory"},
		"nowhere to listen":       {esdbserver.Config{Path: "x"}, "neither a socket"},
		"open to the network":     {esdbserver.Config{Path: "x", Addr: ":2113"}, "needs TLS and users"},
		"open to the network, v6": {esdbserver.Config{Path: "x", Addr: "[::]:2113"}, "needs TLS and users"},
		"a password, not a hash":  {esdbserver.Config{Path: "x", Socket: "y", Users: []esdbserver.User{{Name: "a", PasswordHash: "b"}}}, "password hash"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := esdbserver.Open(t.Context(), x.cfg)
			require.ErrorContains(t, err, x.says)
		})
	}
}

// TestCloseEndsEverything lets calls of all kinds hang and closes the server under them.
func TestCloseEndsEverything(t *testing.T) {
	ctx := bounded(t)
	s, stop := start(t, t.TempDir())
	c := dial(t, s)
	group(t, c, "s", "g", nil)
	all, err := c.SubscribeToAll(ctx, esdb.SubscribeToAllOptions{From: esdb.Start{}})
	require.NoError(t, err)
	member := join(t, c, "s", "g", 10)
	began := time.Now()
	stop()
	require.Less(t, time.Since(began), 3*time.Second)
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	require.NotContains(t, string(stacks), "zhiping/infra/esdbserver.(", "a goroutine of the server goes on")
	require.NotContains(t, string(stacks), "zhiping/infra/esdbserver/internal/store.(", "a goroutine of the store goes on")
	for {
		if e := all.Recv(); e.SubscriptionDropped != nil {
			break
		}
	}
	require.NotNil(t, member.Recv().SubscriptionDropped)
	_, err = c.AppendToStream(ctx, "s", esdb.AppendToStreamOptions{}, event(0))
	require.Error(t, err)
	require.False(t, errors.Is(err, io.EOF))
}
