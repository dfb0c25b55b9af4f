package esdbserver

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"golang.org/x/crypto/bcrypt"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// User is an account that may connect. Groups grant rights: $admins everything, $ops the management of persistent
// subscriptions; a stream's ACL may name users and groups.
type User struct {
	Name         string
	PasswordHash string // bcrypt
	Groups       []string
}

func (u User) validate() error {
	if u.Name == "" || strings.ContainsRune(u.Name, ':') {
		return fmt.Errorf("user name %q", u.Name)
	}
	if _, err := bcrypt.Cost([]byte(u.PasswordHash)); err != nil {
		return fmt.Errorf("password hash of user %s: %w", u.Name, err)
	}
	return nil
}

var errUnauthenticated = refuse(codes.Unauthenticated, "Unauthenticated")

// authenticator checks basic credentials. bcrypt is slow on purpose, and clients send their credentials with each
// call, so those that were right are remembered by a keyed digest, which is of no use outside this process.
type authenticator struct {
	users map[string]User
	decoy []byte // compared for unknown names, so that they take as long
	key   []byte

	mu    sync.Mutex
	known map[[sha256.Size]byte]string // digest → user
}

func newAuthenticator(users []User) (*authenticator, error) {
	if len(users) == 0 {
		return nil, nil
	}
	a := &authenticator{users: map[string]User{}, key: make([]byte, 32), known: map[[sha256.Size]byte]string{}}
	for _, u := range users {
		if _, twice := a.users[u.Name]; twice {
			return nil, fmt.Errorf("user %s is given twice", u.Name)
		}
		a.users[u.Name] = u
	}
	if _, err := rand.Read(a.key); err != nil {
		return nil, err
	}
	a.decoy = []byte(users[0].PasswordHash)
	return a, nil
}

// check answers the user whom an authorization header names and proves.
func (a *authenticator) check(header string) (User, error) {
	kind, text, _ := strings.Cut(header, " ")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || !strings.EqualFold(kind, "Basic") {
		return User{}, errUnauthenticated
	}
	mac := hmac.New(sha256.New, a.key)
	mac.Write(raw)
	digest := [sha256.Size]byte(mac.Sum(nil))
	a.mu.Lock()
	name, ok := a.known[digest]
	a.mu.Unlock()
	if ok {
		return a.users[name], nil
	}
	name, password, _ := strings.Cut(string(raw), ":")
	user, ok := a.users[name]
	hash := a.decoy
	if ok {
		hash = []byte(user.PasswordHash)
	}
	if err := bcrypt.CompareHashAndPassword(hash, []byte(password)); err != nil || !ok {
		return User{}, errUnauthenticated
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known[digest] = name // one entry a user at most: only right credentials get here
	return user, nil
}

// userKey holds the User of a call in its context.
type userKey struct{}

// localUser is who calls over the Unix socket. Only the user that runs the server can open it, and clients send no
// credentials without TLS.
var localUser = User{Name: "local", Groups: []string{groupAdmins}}

// isOpen tells the calls that need no account: clients make them before they send credentials.
func isOpen(method string) bool {
	return strings.HasPrefix(method, "/event_store.client.server_features.") ||
		strings.HasPrefix(method, "/event_store.client.gossip.")
}

func (s *Server) authenticate(ctx context.Context, method string) (context.Context, error) {
	if s.auth == nil || isOpen(method) {
		return ctx, nil
	}
	if p, ok := peer.FromContext(ctx); ok && p.Addr.Network() == "unix" {
		return context.WithValue(ctx, userKey{}, localUser), nil
	}
	md, _ := metadata.FromIncomingContext(ctx)
	header := md.Get("authorization")
	if len(header) == 0 {
		return ctx, errUnauthenticated
	}
	user, err := s.auth.check(header[0])
	if err != nil {
		return ctx, err
	}
	return context.WithValue(ctx, userKey{}, user), nil
}

func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	ctx, err := s.authenticate(ctx, info.FullMethod)
	if err != nil {
		return nil, s.failUnary(ctx, err)
	}
	return next(ctx, req)
}

func (s *Server) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if s.auth == nil {
		return next(srv, stream)
	}
	ctx, err := s.authenticate(stream.Context(), info.FullMethod)
	if err != nil {
		if info.IsClientStream && !info.IsServerStream {
			hearOut(stream)
		}
		return s.failStream(err, stream)
	}
	return next(srv, &authenticated{ServerStream: stream, ctx: ctx})
}

// hearOut reads what the client of an append has to say before it is refused: a status sent earlier would reach it as an
// end of file, without the reason. A caller whom nobody knows gets no more patience than an append of usual size needs.
func hearOut(stream grpc.ServerStream) {
	const usual = 1000 // messages
	for range usual {
		if stream.RecvMsg(new(streams.AppendReq)) != nil {
			return
		}
	}
}

type authenticated struct {
	grpc.ServerStream
	ctx context.Context
}

func (a *authenticated) Context() context.Context { return a.ctx }
