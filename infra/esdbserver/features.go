package esdbserver

import (
	"context"
	"strconv"
	"time"

	"net"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc/codes"
)

// protocolVersion is the version of the official server whose behaviour this one has. Clients compare its first
// three fields, and expect calls we do not offer from 25 on.
const protocolVersion = "23.10.6"

type featuresService struct {
	serverfeatures.UnimplementedServerFeaturesServer
}

// GetSupportedMethods lists what clients look for before they use it.
func (featuresService) GetSupportedMethods(context.Context, *shared.Empty) (*serverfeatures.SupportedMethods, error) {
	out := &serverfeatures.SupportedMethods{EventStoreServerVersion: protocolVersion}
	add := func(service, method string, features ...string) {
		out.Methods = append(out.Methods, &serverfeatures.SupportedMethod{
			ServiceName: service, MethodName: method, Features: features,
		})
	}
	const streams = "event_store.client.streams.streams"
	const groups = "event_store.client.persistent_subscriptions.persistentsubscriptions"
	add(streams, "append")
	add(streams, "batchappend", "deadline_duration")
	add(streams, "read", "position", "events")
	add(streams, "delete")
	add(streams, "tombstone")
	add(groups, "create", "stream", "all")
	add(groups, "update", "stream", "all")
	add(groups, "delete", "stream", "all")
	add(groups, "read", "stream", "all")
	add(groups, "getinfo", "stream", "all")
	add(groups, "replayparked", "stream", "all")
	add(groups, "list", "stream", "all")
	add(groups, "restartsubsystem")
	add("event_store.client.gossip.gossip", "read")
	add("event_store.client.server_features.serverfeatures", "getsupportedmethods")
	return out, nil
}

type gossipService struct {
	gossip.UnimplementedGossipServer
	*Server
}

// Read answers one living leader: this server.
func (s *gossipService) Read(ctx context.Context, _ *shared.Empty) (*gossip.ClusterInfo, error) {
	at := s.cfg.Advertise
	if at == "" {
		at = s.addr
	}
	host, text, err := net.SplitHostPort(at)
	if err != nil {
		return nil, s.failUnary(ctx, refuse(codes.Unimplemented, "no address to advertise"))
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, s.failUnary(ctx, refuse(codes.Unimplemented, "no port to advertise"))
	}
	return &gossip.ClusterInfo{Members: []*gossip.MemberInfo{{
		InstanceId: uuidMessage(s.id, false), TimeStamp: ticksOf(time.Now()),
		State: gossip.MemberInfo_Leader, IsAlive: true,
		HttpEndPoint: &gossip.EndPoint{Address: host, Port: uint32(port)},
	}}}, nil
}

func ticksOf(t time.Time) int64 { return t.UnixNano() / 100 }
