package identity

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/domain"
)

func TestSignInGivesASessionThatNamesItsActor(t *testing.T) {
	f := open(t)
	id, err := f.EnsureAccount(t.Context(), Account{
		Name: "李经办", Login: "Unit", Phone: "13800000001", Applicant: true,
	}, secret)
	require.NoError(t, err)
	f.put(t, Organization{ID: "12220000127701509T", Name: "示范大学", Kind: domain.KindUnit, Parent: "dept"})
	f.grant(t, Grant{Account: id, Role: domain.Unit, Organization: "12220000127701509T"})

	for _, account := range []string{"unit", " UNIT ", "13800000001"} {
		s, err := f.login(t, account, secret, "192.0.2.1")
		require.NoError(t, err)
		require.Equal(t, User{ID: id, Name: "李经办", Roles: []domain.Role{domain.Unit, domain.Applicant},
			Organization: &domain.Organization{ID: "12220000127701509T", Name: "示范大学"}}, s.User)
		require.Equal(t, f.clock.now().Add(12*time.Hour), s.ExpiresAt)
		actor, info, err := f.Authenticate(t.Context(), s.AccessToken)
		require.NoError(t, err)
		require.Equal(t, id, actor.ID)
		require.Equal(t, domain.Unit, actor.Roles[0])
		require.NotEmpty(t, info.CSRF)
		require.Equal(t, s.CSRF, info.CSRF)
		require.NotEqual(t, s.AccessToken, info.CSRF)
	}
	me, err := f.Me(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "李经办", me.Name)
}

func TestSeedingTwiceChangesNothing(t *testing.T) {
	f := open(t)
	first := f.person(t, "applicant")
	second, err := f.EnsureAccount(t.Context(), Account{Name: "另一人", Login: "applicant"}, "another password")
	require.NoError(t, err)
	require.Equal(t, first, second)
	f.mustLogin(t, "applicant")
}

func TestASupervisorKnowsWhatLiesBelow(t *testing.T) {
	f := open(t)
	for _, o := range []Organization{
		{ID: "dept", Name: "教育厅", Kind: domain.KindDepartment}, {ID: "u1", Name: "一", Kind: domain.KindUnit, Parent: "dept"},
		{ID: "sub", Name: "处", Kind: domain.KindDepartment, Parent: "dept"}, {ID: "u2", Name: "二", Kind: domain.KindUnit, Parent: "sub"},
		{ID: "other", Name: "外", Kind: domain.KindUnit, Parent: "elsewhere"},
	} {
		f.put(t, o)
	}
	id := f.person(t, "officer")
	s := f.mustLogin(t, "officer")
	f.grant(t, Grant{Account: id, Role: domain.Department, Organization: "dept"})
	actor, _, err := f.Authenticate(t.Context(), s.AccessToken)
	require.NoError(t, err)
	require.Equal(t, []string{"sub", "u1", "u2"}, actor.Within)
}

func TestAnEndedSessionIsDeadOnEveryNode(t *testing.T) {
	f := open(t)
	other, err := Open(t.Context(), f.cfg) // a second process on the same file
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	id := f.person(t, "applicant")

	ends := map[string]func(Session, SessionInfo) error{
		"sign-out":        func(s Session, _ SessionInfo) error { return f.Logout(t.Context(), s.AccessToken) },
		"ended by owner":  func(_ Session, i SessionInfo) error { return f.EndSession(t.Context(), id, i.ID) },
		"ended with all":  func(_ Session, _ SessionInfo) error { return f.EndOtherSessions(t.Context(), id, "") },
		"end of its life": func(_ Session, _ SessionInfo) error { f.clock.pass(12 * time.Hour); return nil },
		"lying idle":      func(_ Session, _ SessionInfo) error { f.clock.pass(2 * time.Hour); return nil },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			s := f.mustLogin(t, "applicant")
			_, info, err := other.Authenticate(t.Context(), s.AccessToken) // now the other node remembers it
			require.NoError(t, err)
			require.NoError(t, end(s, info))
			for _, node := range []*Provider{other, f.Provider} {
				_, _, err = node.Authenticate(t.Context(), s.AccessToken)
				require.ErrorIs(t, err, ErrNotSignedIn)
			}
		})
	}
}

// A sign-out is in force for every request that begins after it has been answered, whatever else is going on.
func TestNoRequestOutlivesASignOut(t *testing.T) {
	f := open(t)
	other, err := Open(t.Context(), f.cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	f.person(t, "applicant")
	var people, readers sync.WaitGroup
	for range 4 {
		people.Go(func() {
			for range 10 {
				s, err := f.Login(context.Background(), LoginRequest{Account: "applicant", Password: secret, Address: "192.0.2.1"})
				if err != nil {
					t.Error(err)
					return
				}
				stop := make(chan struct{})
				readers.Go(func() {
					for {
						select {
						case <-stop:
							return
						default: // keeps both nodes remembering the session up to its very end
							_, _, _ = f.Authenticate(context.Background(), s.AccessToken)
							_, _, _ = other.Authenticate(context.Background(), s.AccessToken)
						}
					}
				})
				if err := f.Logout(context.Background(), s.AccessToken); err != nil {
					t.Error(err)
				}
				for _, node := range []*Provider{other, f.Provider} {
					if _, _, err := node.Authenticate(context.Background(), s.AccessToken); !errors.Is(err, ErrNotSignedIn) {
						t.Errorf("still signed in: %v", err)
					}
				}
				close(stop)
			}
		})
	}
	people.Wait()
	readers.Wait()
}

func TestTwoProcessesWriteSideBySide(t *testing.T) {
	f := open(t)
	other, err := Open(t.Context(), f.cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	f.person(t, "applicant")
	var all sync.WaitGroup
	for _, node := range []*Provider{f.Provider, other} {
		for range 3 {
			all.Go(func() {
				for range 10 {
					s, err := node.Login(context.Background(), LoginRequest{Account: "applicant", Password: secret, Address: "192.0.2.1"})
					if err == nil {
						_, _, err = other.Authenticate(context.Background(), s.AccessToken)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
}

func FuzzAuthenticate(f *testing.F) {
	x := open(f)
	x.person(f, "applicant")
	f.Add("")
	f.Add(x.mustLogin(f, "applicant").CSRF)
	f.Add(strings.Repeat("A", tokenLength))
	f.Fuzz(func(t *testing.T, token string) {
		if _, _, err := x.Authenticate(context.Background(), token); !errors.Is(err, ErrNotSignedIn) {
			t.Fatalf("%q: %v", token, err)
		}
	})
}

func TestAChangedRoleHoldsAtOnceOnEveryNode(t *testing.T) {
	f := open(t)
	other, err := Open(t.Context(), f.cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	id := f.person(t, "someone")
	s := f.mustLogin(t, "someone")
	has := func(want bool) {
		t.Helper()
		actor, _, err := other.Authenticate(t.Context(), s.AccessToken)
		require.NoError(t, err)
		require.Equal(t, want, actor.Has(domain.Auditor))
	}
	has(false)
	g := Grant{Account: id, Role: domain.Auditor, Expires: f.clock.now().Add(time.Hour)}
	f.grant(t, g)
	has(true)
	f.revoke(t, g)
	has(false)
	f.grant(t, g)
	has(true)
	f.clock.pass(time.Hour)
	has(false) // the grant has expired, and nobody wrote anything
}

func TestUseKeepsASessionAlive(t *testing.T) {
	f := open(t)
	id := f.person(t, "applicant")
	s := f.mustLogin(t, "applicant")
	for range 5 {
		f.clock.pass(time.Hour)
		_, _, err := f.Authenticate(t.Context(), s.AccessToken)
		require.NoError(t, err)
	}
	list, err := f.Sessions(t.Context(), SessionQuery{Account: id})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, f.clock.now(), list[0].SeenAt)
}

func TestTheOldestSessionsEndWhenThereAreTooMany(t *testing.T) {
	f := open(t, func(c *Config) { c.Sessions = 3 })
	id := f.person(t, "applicant")
	var all []Session
	for range 5 {
		f.clock.pass(time.Second)
		all = append(all, f.mustLogin(t, "applicant"))
		_, _, err := f.Authenticate(t.Context(), all[0].AccessToken) // remembered as long as it lives
		require.Equal(t, len(all) > 3, err != nil)
	}
	for i, s := range all {
		_, _, err := f.Authenticate(t.Context(), s.AccessToken)
		require.Equal(t, i < 2, err != nil, i)
	}
	list, err := f.Sessions(t.Context(), SessionQuery{Account: id})
	require.NoError(t, err)
	require.Len(t, list, 3)
}

func TestALoginNameIsNobodysPhone(t *testing.T) {
	f := open(t)
	_, err := f.EnsureAccount(t.Context(), Account{Login: "13800000002"}, secret)
	require.ErrorContains(t, err, "phone")
}

func TestATamperedTokenIsNobody(t *testing.T) {
	f := open(t)
	f.person(t, "applicant")
	s := f.mustLogin(t, "applicant")
	for i := range s.AccessToken {
		b := []byte(s.AccessToken)
		b[i] ^= 1
		_, _, err := f.Authenticate(t.Context(), string(b))
		require.ErrorIs(t, err, ErrNotSignedIn)
	}
	for _, token := range []string{"", "a.b.c", s.AccessToken + "=", s.AccessToken[:42]} {
		_, _, err := f.Authenticate(t.Context(), token)
		require.ErrorIs(t, err, ErrNotSignedIn)
	}
}

// Session fixation: no token that somebody chose before the sign-in is a session after it.
func TestEverySignInMakesANewToken(t *testing.T) {
	f := open(t)
	f.person(t, "applicant")
	a, b := f.mustLogin(t, "applicant"), f.mustLogin(t, "applicant")
	require.NotEqual(t, a.AccessToken, b.AccessToken)
	require.NotEqual(t, a.CSRF, b.CSRF)
	_, info, err := f.Authenticate(t.Context(), a.AccessToken)
	require.NoError(t, err)
	require.NotEqual(t, b.CSRF, info.CSRF)
}

func TestNobodyEndsSomebodyElsesSession(t *testing.T) {
	f := open(t)
	f.person(t, "applicant")
	stranger := f.person(t, "stranger")
	_, info, err := f.Authenticate(t.Context(), f.mustLogin(t, "applicant").AccessToken)
	require.NoError(t, err)
	require.ErrorIs(t, f.EndSession(t.Context(), stranger, info.ID), domain.ErrNotFound)
}

func TestTheFileHoldsNoSecretInTheClear(t *testing.T) {
	onlySQLite(t)
	f := open(t)
	_, err := f.EnsureAccount(t.Context(), Account{Name: "张三", Login: "applicant", IDNumber: "11010519491231002X"}, secret)
	require.NoError(t, err)
	s := f.mustLogin(t, "applicant")
	_, err = f.login(t, "applicant", "a wrong password", "192.0.2.1")
	require.Error(t, err)
	_, err = f.login(t, "typed-my-password-here", "x", "192.0.2.1")
	require.Error(t, err)
	files, err := filepath.Glob(f.cfg.Path + "*")
	require.NoError(t, err)
	everything := f.logs.String()
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		everything += string(data)
	}
	require.Contains(t, everything, "sign_in_failed")
	for _, hidden := range []string{s.AccessToken, s.CSRF, secret, "a wrong password", "typed-my-password-here", "11010519491231002"} {
		require.NotContains(t, everything, hidden)
	}
}

func TestAForeignKeyIsNoticedAtTheStart(t *testing.T) {
	f := open(t)
	cfg := f.cfg
	cfg.Pepper = bytes.Repeat([]byte("q"), 32) // which this database was not written with
	_, err := Open(t.Context(), cfg)
	require.ErrorContains(t, err, "not the one")
}

func TestTheKeyFileIsMadeOnce(t *testing.T) {
	onlySQLite(t)
	f := open(t, func(c *Config) { c.Pepper = nil })
	cfg := f.cfg
	cfg.Pepper = nil
	again, err := Open(t.Context(), cfg)
	require.NoError(t, err)
	require.Equal(t, f.keys.csrf, again.keys.csrf)
	require.NoError(t, again.Close())
	info, err := os.Stat(f.cfg.Path + ".key")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func BenchmarkAuthenticate(b *testing.B) {
	f := open(b, func(c *Config) { c.Sessions = 10_000 })
	id := f.person(b, "applicant")
	var tokens []string
	newSession := func() string {
		var s Session
		require.NoError(b, f.write(b.Context(), func(c *change) (err error) {
			s, err = f.newSession(b.Context(), c, id, "张三", "password", "192.0.2.1", "", nil)
			return err
		}))
		return s.AccessToken
	}
	for range 2000 {
		tokens = append(tokens, newSession())
	}
	run := func(b *testing.B, before func()) {
		var next atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				before()
				if _, _, err := f.Authenticate(b.Context(), tokens[int(next.Add(1))%len(tokens)]); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	}
	b.Run("remembered", func(b *testing.B) { run(b, func() {}) })
	b.Run("looked up", func(b *testing.B) { run(b, f.cache.Purge) })
	b.Run("while 50 people a second sign in and out", func(b *testing.B) {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					return
				case <-tick.C:
					if err := f.Logout(context.Background(), newSession()); err != nil {
						b.Error(err)
					}
				}
			}
		})
		run(b, func() {})
		close(stop)
		wg.Wait()
	})
}
