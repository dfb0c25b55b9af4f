package identity

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/domain/organization"
	"zhiping/infra/identity/sender"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) pass(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.at = c.at.Add(d) }

// inbox keeps messages instead of sending them.
type inbox chan sender.Message

func (i inbox) Send(_ context.Context, m sender.Message) error { i <- m; return nil }

// fixture is a provider with a clock, an inbox and a log that tests can read.
type fixture struct {
	*Provider
	clock *clock
	inbox inbox
	logs  *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
func (l *lockedBuffer) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

var schemas int // of the last fixture in PostgreSQL

var cheap = Argon2{Memory: 16, Time: 1, Threads: 1, Concurrent: 2}

func open(t testing.TB, change ...func(*Config)) *fixture {
	t.Helper()
	f := &fixture{clock: &clock{at: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)}, inbox: make(inbox, 100), logs: &lockedBuffer{}}
	cfg := Config{
		Path: filepath.Join(t.TempDir(), "identity.db"), Clock: f.clock.now, Argon2: cheap, Captcha: CaptchaOff, Sender: f.inbox,
		Pepper: bytes.Repeat([]byte("p"), 32), Logger: slog.New(slog.NewTextHandler(f.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if postgres != nil {
		schemas++
		var err error
		cfg.Postgres, err = postgres.Fresh(t.Context(), fmt.Sprint("zhiping_test_", schemas))
		require.NoError(t, err)
	}
	for _, c := range change {
		c(&cfg)
	}
	var err error
	f.Provider, err = Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

const secret = "correct horse 7"

// person seeds an applicant.
func (f *fixture) person(t testing.TB, login string) string {
	t.Helper()
	id, err := f.EnsureAccount(t.Context(), Account{Name: "张三", Login: login, Applicant: true}, secret)
	require.NoError(t, err)
	return id
}

func (f *fixture) login(t testing.TB, account, password, address string) (Session, error) {
	t.Helper()
	return f.Login(t.Context(), LoginRequest{Account: account, Password: password, Address: address, UserAgent: "test"})
}

func (f *fixture) mustLogin(t testing.TB, account string) Session {
	t.Helper()
	s, err := f.login(t, account, secret, "192.0.2.1")
	require.NoError(t, err)
	return s
}

// tell applies an event as the next one in $all, by admin.
func (f *fixture) tell(t testing.TB, stream string, event any) {
	t.Helper()
	at, err := f.Position(t.Context())
	require.NoError(t, err)
	require.NoError(t, f.Apply(t.Context(), []domain.Recorded{{Stream: stream, Position: at + 10, Event: event,
		Meta: domain.Metadata{Actor: "admin", IP: "192.0.2.9", At: f.clock.now()}}}))
}

func (f *fixture) put(t testing.TB, o Organization) {
	t.Helper()
	f.tell(t, "organization-"+o.ID, organization.Created{ID: o.ID, Name: o.Name, Kind: organization.Kind(o.Kind), Parent: o.Parent})
}

func (f *fixture) grant(t testing.TB, g Grant) {
	t.Helper()
	var end *time.Time
	if !g.Expires.IsZero() {
		end = &g.Expires
	}
	if g.Organization == "" {
		f.tell(t, "account-"+g.Account, account.RoleGranted{Account: g.Account, Role: g.Role, Expires: end, Origin: account.ByAdmin})
		return
	}
	f.tell(t, "organization-"+g.Organization, organization.OfficerGranted{Organization: g.Organization, Account: g.Account, Role: g.Role, Expires: end})
}

func (f *fixture) revoke(t testing.TB, g Grant) {
	t.Helper()
	if g.Organization == "" {
		f.tell(t, "account-"+g.Account, account.RoleRevoked{Account: g.Account, Role: g.Role, Origin: account.ByAdmin})
		return
	}
	f.tell(t, "organization-"+g.Organization, organization.GrantRevoked{Organization: g.Organization, Account: g.Account, Role: g.Role})
}

// signIn takes an external person up and applies the events that follow from the claims, before there is a session.
func (f *fixture) signIn(t testing.TB, e External) (Session, error) {
	t.Helper()
	id, err := f.TakeUp(t.Context(), e)
	if err != nil {
		return Session{}, err
	}
	standing, err := f.Standing(t.Context(), id)
	require.NoError(t, err)
	var state account.State
	for _, h := range standing.Roles {
		state = account.Evolve(state, account.RoleGranted{Account: id, Role: h.Role, Organization: h.Organization, Issuer: h.Issuer})
	}
	claim := e.Claims()
	events, err := account.Decide(state, account.Facts{Account: id, Origin: account.ByProvider}, claim)
	require.NoError(t, err)
	for _, event := range events {
		f.tell(t, "account-"+id, event)
	}
	return f.SignInExternal(t.Context(), e, "192.0.2.1", "", []byte("id token"))
}
