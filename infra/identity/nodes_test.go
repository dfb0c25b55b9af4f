package identity

import (
	"database/sql"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/domain/organization"
	"zhiping/infra/identity/sender"
)

// second is another node on the fixture's database.
func (f *fixture) second(t testing.TB) *Provider {
	t.Helper()
	other, err := Open(t.Context(), f.cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	return other
}

func TestWhatOneNodeTakesAwayIsGoneOnTheOther(t *testing.T) {
	const phone = "13800000001"
	f := open(t)
	other := f.second(t)
	id, err := f.EnsureAccount(t.Context(), Account{Name: "张三", Login: "officer", Phone: phone, Applicant: true}, secret)
	require.NoError(t, err)
	f.put(t, Organization{ID: "edu", Name: "教育厅", Kind: domain.KindDepartment})
	grant := Grant{Account: id, Role: domain.Department, Organization: "edu"}
	f.grant(t, grant)
	s := f.mustLogin(t, "officer")
	actor, _, err := other.Authenticate(t.Context(), s.AccessToken)
	require.NoError(t, err)
	require.True(t, actor.Has(domain.Department))

	f.revoke(t, grant)
	actor, _, err = other.Authenticate(t.Context(), s.AccessToken)
	require.NoError(t, err)
	require.False(t, actor.Has(domain.Department), "a revoked grant")

	require.NoError(t, f.write(t.Context(), func(c *change) error {
		message := sender.Message{ID: "m", Args: map[string]any{"code": "123456"}}
		return f.keepCode(t.Context(), c, CodeRequest{Phone: phone, Purpose: PurposeReset}, id, "123456", message)
	}))
	require.NoError(t, f.ResetPassword(t.Context(), ResetRequest{Phone: phone, Code: "123456", NewPassword: "another horse 8"}))
	_, _, err = other.Authenticate(t.Context(), s.AccessToken)
	require.ErrorIs(t, err, ErrNotSignedIn, "a reset password")

	s, err = other.Login(t.Context(), LoginRequest{Account: "officer", Password: "another horse 8"})
	require.NoError(t, err)
	_, _, err = f.Authenticate(t.Context(), s.AccessToken)
	require.NoError(t, err)
	require.NoError(t, other.Disable(t.Context(), id, "admin"))
	_, _, err = f.Authenticate(t.Context(), s.AccessToken)
	require.ErrorIs(t, err, ErrNotSignedIn, "a disabled account")
}

func TestATicketGivesOneSessionToTwoNodes(t *testing.T) {
	f := open(t)
	nodes := []*Provider{f.Provider, f.second(t)}
	id := f.person(t, "applicant")
	_, session := f.phone(t, "applicant")
	for range 10 {
		q, err := f.StartQR(t.Context(), "192.0.2.7", "desktop")
		require.NoError(t, err)
		_, err = nodes[1].ScanQR(t.Context(), id, q.Ticket)
		require.NoError(t, err)
		require.NoError(t, f.ConfirmQR(t.Context(), id, session, q.Ticket))
		var given atomic.Int32
		var wg sync.WaitGroup
		failures := make([]error, len(nodes))
		for i, node := range nodes {
			wg.Go(func() {
				poll, err := node.PollQR(t.Context(), q.Ticket, q.Secret)
				if failures[i] = err; err == nil && poll.Session != nil {
					given.Add(1)
				}
			})
		}
		wg.Wait()
		require.NoError(t, errors.Join(failures...))
		require.Equal(t, int32(1), given.Load())
	}
}

func TestTriesOfACodeCountOnAllNodesTogether(t *testing.T) {
	const phone = "13800000001"
	f := open(t)
	nodes := []*Provider{f.Provider, f.second(t)}
	require.NoError(t, f.write(t.Context(), func(c *change) error {
		message := sender.Message{ID: "m", Args: map[string]any{"code": "123456"}}
		return f.keepCode(t.Context(), c, CodeRequest{Phone: phone, Purpose: PurposeRegister}, "", "123456", message)
	}))
	for i := range codeTries {
		require.ErrorIs(t, nodes[i%2].tryCode(t.Context(), phone, PurposeRegister, "000000", AuditRecord{Address: "192.0.2.1"}), ErrCodeWrong)
	}
	for _, node := range nodes {
		require.ErrorIs(t, node.tryCode(t.Context(), phone, PurposeRegister, "123456", AuditRecord{Address: "198.51.100.1"}), ErrCodeWrong)
	}
}

// Both nodes get all events, in batches of their own, at the same time.
func TestEventsThatTwoNodesApplyCountOnce(t *testing.T) {
	f := open(t)
	nodes := []*Provider{f.Provider, f.second(t)}
	id := f.person(t, "officer")
	events := []domain.Recorded{recorded(10, "organization-edu", organization.Created{ID: "edu", Name: "教育厅", Kind: organization.KindDepartment})}
	for i := range uint64(20) {
		events = append(events,
			recorded(20+10*i, "organization-edu", organization.OfficerGranted{Organization: "edu", Account: id, Role: domain.Department}),
			recorded(25+10*i, "organization-edu", organization.GrantRevoked{Organization: "edu", Account: id, Role: domain.Department}))
	}
	var wg sync.WaitGroup
	failures := make([]error, len(nodes))
	for i, node := range nodes {
		wg.Go(func() {
			for rest := events; len(rest) > 0 && failures[i] == nil; {
				n := min(len(rest), 2+i)
				failures[i] = node.Apply(t.Context(), rest[:n])
				rest = rest[n:]
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(failures...))
	at, err := f.Position(t.Context())
	require.NoError(t, err)
	require.Equal(t, events[len(events)-1].Position, at)
	granted, err := f.Audit(t.Context(), AuditQuery{Account: id, Kind: AuditGranted, Limit: 200})
	require.NoError(t, err)
	require.Len(t, granted, 20)
	of, err := f.OfficerOf(t.Context(), id)
	require.NoError(t, err)
	require.Empty(t, of)
}

func TestNodesThatStartTogetherMakeOneDatabase(t *testing.T) {
	onlyPostgres(t)
	f := open(t)
	url, err := postgres.Fresh(t.Context(), "zhiping_test_together")
	require.NoError(t, err)
	var wg sync.WaitGroup
	failures := make([]error, 6)
	for i := range failures {
		wg.Go(func() {
			cfg := f.cfg
			cfg.Postgres = url
			p, err := Open(t.Context(), cfg)
			if failures[i] = err; err == nil {
				failures[i] = errors.Join(p.Sweep(t.Context()), p.Close())
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(failures...))
}

func TestAServerThatIsAwayIsSaidSoAndComesBack(t *testing.T) {
	onlyPostgres(t)
	if !postgres.Own() {
		t.Skip("ZHIPING_TEST_POSTGRES is not ours to stop")
	}
	f := open(t)
	f.person(t, "applicant")
	s := f.mustLogin(t, "applicant")
	var idle []*sql.Conn // which the stop cuts, and which nobody uses before it is over
	for range 5 {
		c, err := f.reader.pool.Conn(t.Context())
		require.NoError(t, err)
		idle = append(idle, c)
	}
	for _, c := range idle {
		require.NoError(t, c.Close())
	}
	require.NoError(t, postgres.Stop())
	_, _, err := f.Authenticate(t.Context(), s.AccessToken)
	require.ErrorIs(t, err, ErrStoreAway)
	require.ErrorIs(t, f.Logout(t.Context(), s.AccessToken), ErrStoreAway)
	_, err = Open(t.Context(), f.cfg)
	require.ErrorIs(t, err, ErrStoreAway, "a node that starts meanwhile")
	require.NoError(t, postgres.Resume(t.Context()))
	_, _, err = f.Authenticate(t.Context(), s.AccessToken)
	require.NoError(t, err, "nothing is lost, and nobody needs to start this node again")
	require.NoError(t, f.Logout(t.Context(), s.AccessToken))
	_, _, err = f.Authenticate(t.Context(), s.AccessToken)
	require.ErrorIs(t, err, ErrNotSignedIn)
}

func TestAWriteThatDoesNotGetItsTurnIsRefused(t *testing.T) {
	onlyPostgres(t)
	f := open(t)
	f.person(t, "applicant")
	s := f.mustLogin(t, "applicant")
	other := f.second(t)
	other.writer.limit = 200 * time.Millisecond
	require.NoError(t, f.write(t.Context(), func(*change) error {
		require.ErrorIs(t, other.Logout(t.Context(), s.AccessToken), ErrStoreAway)
		_, _, err := other.Authenticate(t.Context(), s.AccessToken)
		return err
	}))
	require.NoError(t, f.Logout(t.Context(), s.AccessToken))
}

func TestWhatIsTypedFitsTheDatabase(t *testing.T) {
	f := open(t)
	f.person(t, "applicant")
	for _, name := range []string{"appli\x00cant", "\xff\xfe", "applicant\x00"} {
		_, err := f.login(t, name, secret, "192.0.2.1")
		require.ErrorIs(t, err, ErrBadCredentials)
	}
	_, err := f.Login(t.Context(), LoginRequest{Account: "applicant", Password: secret, Address: "192.0.2.1", UserAgent: "a\x00b\xff"})
	require.NoError(t, err)
}

func TestAConnectionStringIsNeverRepeated(t *testing.T) {
	_, err := Open(t.Context(), Config{Path: "x", Postgres: "postgres://u:hunter2@[bad", Pepper: []byte(strings.Repeat("p", 32))})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
	_, err = Open(t.Context(), Config{Path: "x", Postgres: "postgres://u:hunter2@127.0.0.1:1/db", Pepper: []byte(strings.Repeat("p", 32))})
	require.ErrorIs(t, err, ErrStoreAway)
	require.NotContains(t, err.Error(), "hunter2")
	_, err = Open(t.Context(), Config{Path: "x", Postgres: "postgres://127.0.0.1:1/db"})
	require.ErrorContains(t, err, "a key is needed")
}
