package esdbserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"zhiping/infra/esdbserver/internal/store"
)

// maxRequest is the largest message the server takes: the official server's, a little above its record limit.
const maxRequest = 17 << 20

// Server is a running event store. All methods are safe for concurrent use.
type Server struct {
	cfg    Config
	id     uuid.UUID // of this run, for Gossip
	store  *store.Store
	grpc   *grpc.Server
	groups *groups
	auth   *authenticator

	socket  string // "" without one
	addr    string // "" without one
	cleanup func()

	closing chan struct{} // ends the calls that would go on for ever
	once    sync.Once
	owned   sync.WaitGroup
	closed  error
}

// Open opens the data directory and begins to listen. It answers ErrLocked when the directory is in use. ctx
// bounds the start only; call Close to end the server.
func Open(ctx context.Context, cfg Config) (_ *Server, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	s := &Server{cfg: cfg, id: uuid.New(), closing: make(chan struct{}), cleanup: func() {}}
	if s.auth, err = newAuthenticator(cfg.Users); err != nil {
		return nil, err
	}
	s.store, err = store.Open(cfg.Path, store.Options{Failed: func(err error) {
		cfg.Logger.Error("event store", "error", err)
	}})
	if err != nil {
		return nil, fmt.Errorf("event store: %w", err)
	}
	listeners, err := s.listen(ctx)
	if err == nil {
		s.groups, err = openGroups(ctx, s)
	}
	if err != nil {
		for _, l := range listeners {
			err = errors.Join(err, l.Close())
		}
		s.cleanup()
		return nil, errors.Join(fmt.Errorf("event store: %w", err), s.store.Close())
	}
	s.serve(listeners)
	if cfg.Projections {
		s.owned.Go(s.project)
	}
	return s, nil
}

func (s *Server) listen(ctx context.Context) ([]net.Listener, error) {
	var out []net.Listener
	if s.cfg.Socket != "" {
		l, path, cleanup, err := listenUnix(ctx, s.cfg.Socket)
		if err != nil {
			return out, err
		}
		s.socket, s.cleanup = path, cleanup
		out = append(out, l)
	}
	if s.cfg.Addr != "" {
		l, err := listenTCP(ctx, s.cfg.Addr, s.cfg.TLS)
		if err != nil {
			return out, err
		}
		s.addr = l.Addr().String()
		out = append(out, l)
	}
	return out, nil
}

func (s *Server) serve(listeners []net.Listener) {
	s.grpc = grpc.NewServer(
		// Clients ping every ten seconds even when idle; the default policy would hang up on them.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 10 * time.Second, Timeout: 10 * time.Second}),
		grpc.MaxRecvMsgSize(maxRequest),
		// Most calls are short appends: workers keep their grown stacks, which a goroutine a call would not. Calls that
		// last do not block others, because gRPC starts goroutines when all workers are busy.
		grpc.NumStreamWorkers(32),
		grpc.ForceServerCodecV2(codec{}),
		grpc.UnaryInterceptor(s.unary),
		grpc.StreamInterceptor(s.stream),
	)
	streams.RegisterStreamsServer(s.grpc, &streamsService{Server: s})
	persistent.RegisterPersistentSubscriptionsServer(s.grpc, &persistentService{Server: s})
	serverfeatures.RegisterServerFeaturesServer(s.grpc, featuresService{})
	gossip.RegisterGossipServer(s.grpc, &gossipService{Server: s})
	for _, l := range listeners {
		s.owned.Go(func() {
			if err := s.grpc.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
				s.cfg.Logger.Error("event store listener", "error", err)
			}
		})
	}
}

// Endpoint is what a client in the same machine dials: the Unix socket as unix:///path if there is one, else the
// TCP address. It goes to the Address of the client's configuration.
func (s *Server) Endpoint() string {
	if s.socket != "" {
		return "unix://" + s.socket
	}
	return s.addr
}

// Addr is the TCP address listened on, with the port that was chosen for port 0; empty without one.
func (s *Server) Addr() string { return s.addr }

// ConnectionString is what official clients parse. Such a string cannot name a Unix socket: without a TCP address
// it names a host that does not exist, and the client's Address must be set to Endpoint after parsing it.
func (s *Server) ConnectionString() string {
	if s.addr == "" {
		return "esdb://embedded?tls=false"
	}
	return fmt.Sprintf("esdb://%s?tls=%t", s.addr, s.cfg.TLS != nil)
}

// Backup writes a consistent copy of the event store into the new directory dest, while the server runs.
func (s *Server) Backup(ctx context.Context, dest string) error { return Backup(ctx, s.cfg.Path, dest) }

// Close ends subscriptions, lets other calls finish until ctx ends, and closes the file; what was acknowledged is
// durable in any case. It returns when all goroutines of the server have ended.
func (s *Server) Close(ctx context.Context) error {
	s.once.Do(func() {
		close(s.closing)
		stop := context.AfterFunc(ctx, s.grpc.Stop)
		defer stop()
		s.grpc.GracefulStop()
		s.groups.close()
		s.owned.Wait()
		s.cleanup()
		s.closed = s.store.Close()
	})
	return s.closed
}
