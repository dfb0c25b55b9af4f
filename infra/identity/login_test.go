package identity

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/domain/text"
)

func TestEveryErrorHasItsSentence(t *testing.T) {
	for _, e := range []*domain.Error{
		ErrNotSignedIn, ErrBadCredentials, ErrCaptchaRequired, ErrCaptchaWrong, ErrLockedOut, ErrTooMany, ErrBusy,
		ErrAccountDisabled, ErrSignInElsewhere, ErrCodeWrong, ErrCodeTooSoon, ErrAccountExists, ErrIDNumberTaken,
		ErrIdentityFrozen, ErrIdentityUnknown, ErrQRExpired, ErrQRNotScanned, ErrSignInFailed,
	} {
		require.True(t, text.Has("error."+e.Code), e.Code)
		if e.Kind == domain.Limited {
			require.NotContains(t, after(e, time.Second).Text().ZH, "{", e.Code)
		}
	}
}

func TestGuessingIsSlowedWhereItComesFrom(t *testing.T) {
	f := open(t)
	f.person(t, "applicant")
	f.mustLogin(t, "applicant") // the owner's own network is 192.0.2.1
	for range 5 {
		_, err := f.login(t, "applicant", "guess", "203.0.113.9")
		require.ErrorIs(t, err, ErrBadCredentials)
	}
	_, err := f.login(t, "applicant", secret, "203.0.113.9") // the right guess comes too late
	require.ErrorIs(t, err, ErrLockedOut)
	wait, ok := RetryAfter(err)
	require.True(t, ok)
	require.Equal(t, time.Minute, wait)
	f.mustLogin(t, "applicant") // and the owner notices nothing

	f.clock.pass(time.Minute)
	_, err = f.login(t, "applicant", "guess", "203.0.113.9")
	require.ErrorIs(t, err, ErrBadCredentials)
	_, err = f.login(t, "applicant", "guess", "203.0.113.9")
	wait, _ = RetryAfter(err)
	require.Equal(t, 2*time.Minute, wait)

	// A quiet half hour, and all is forgotten.
	f.clock.pass(40 * time.Minute)
	_, err = f.login(t, "applicant", secret, "203.0.113.9")
	require.NoError(t, err)
}

func TestABotnetCannotLockTheOwnerOut(t *testing.T) {
	f := open(t)
	f.person(t, "applicant")
	f.mustLogin(t, "applicant")
	locked := 0
	for i := range 60 {
		if _, err := f.login(t, "applicant", "guess", fmt.Sprintf("203.0.113.%d", i)); err != nil {
			wait, ok := RetryAfter(err)
			require.LessOrEqual(t, wait, time.Minute)
			if ok {
				locked++
			}
		}
	}
	require.Equal(t, 40, locked, "after twenty guesses the account is braked for strangers")
	f.mustLogin(t, "applicant") // from the network that the owner has used
	f.clock.pass(time.Minute)   // and from anywhere else a minute later at most
	_, err := f.login(t, "applicant", secret, "198.51.100.7")
	require.NoError(t, err)
}

func TestGuessingManyAccountsFromOnePlaceIsSlowed(t *testing.T) {
	f := open(t)
	f.person(t, "applicant")
	f.mustLogin(t, "applicant")
	for i := range 100 {
		_, err := f.login(t, fmt.Sprintf("account%d", i), "guess", "192.0.2.1")
		require.ErrorIs(t, err, ErrBadCredentials)
	}
	_, err := f.login(t, "account100", "guess", "192.0.2.1")
	require.ErrorIs(t, err, ErrLockedOut)
	f.mustLogin(t, "applicant") // who shares the address and has signed in from it before is not held up
}

func TestManyGuessesAtOnceCountOneByOne(t *testing.T) {
	f := open(t)
	f.person(t, "applicant")
	var wg sync.WaitGroup
	errs := make(chan error, 50)
	for i := range 50 {
		wg.Go(func() {
			_, err := f.Login(t.Context(), LoginRequest{Account: "applicant", Password: fmt.Sprint(i), Address: "203.0.113.9"})
			errs <- err
		})
	}
	wg.Wait()
	close(errs)
	judged := 0
	for err := range errs {
		if _, turnedAway := RetryAfter(err); !turnedAway {
			require.ErrorIs(t, err, ErrBadCredentials)
			judged++
		}
	}
	require.Equal(t, 5, judged)
}

func TestUnknownAccountsAreTreatedLikeKnownOnes(t *testing.T) {
	f := open(t, func(c *Config) { c.Captcha = CaptchaAdaptive })
	f.person(t, "applicant")
	var answers [2][]string
	for i, account := range []string{"applicant", "nobody"} {
		for range 8 {
			_, err := f.login(t, account, "guess", fmt.Sprintf("203.0.113.%d", i))
			answers[i] = append(answers[i], err.Error())
		}
	}
	require.Equal(t, answers[0], answers[1])
	require.Contains(t, answers[0][3], ErrCaptchaRequired.Code)
}

// The work is what takes time: one hash at the present costs, whatever is wrong.
func TestAnUnknownAccountCostsAsMuchWork(t *testing.T) {
	f := open(t)
	f.person(t, "applicant")
	_, err := f.signIn(t, External{Issuer: "i", Subject: "s", Name: "n"})
	require.NoError(t, err)
	for name, r := range map[string]LoginRequest{
		"known account": {Account: "applicant", Password: "guess"}, "unknown account": {Account: "nobody", Password: "guess"},
		"no account": {Password: "guess"}, "no password": {Account: "applicant"},
		"long account": {Account: strings.Repeat("a", 1000), Password: "guess"}, "long password": {Account: "applicant", Password: strings.Repeat("a", 1<<20)},
	} {
		before := f.hashes.done.Load()
		_, err := f.Login(t.Context(), r)
		require.ErrorIs(t, err, ErrBadCredentials, name)
		require.Equal(t, int64(1), f.hashes.done.Load()-before, name)
	}
}

func TestACaptchaIsAskedForAfterThreeFailures(t *testing.T) {
	f := open(t, func(c *Config) { c.Captcha = CaptchaAdaptive })
	f.person(t, "applicant")
	for range 3 {
		_, err := f.login(t, "applicant", "guess", "203.0.113.9")
		require.ErrorIs(t, err, ErrBadCredentials)
	}
	try := func(id, answer, password string) error {
		_, err := f.Login(t.Context(), LoginRequest{Account: "applicant", Password: password, CaptchaID: id, Captcha: answer, Address: "203.0.113.9"})
		return err
	}
	require.ErrorIs(t, try("", "", secret), ErrCaptchaRequired)
	id, err := f.keepCaptcha(t.Context(), "K7PQX", "203.0.113.9")
	require.NoError(t, err)
	require.ErrorIs(t, try(id, "WRONG", secret), ErrCaptchaWrong)
	require.ErrorIs(t, try(id, "K7PQX", secret), ErrCaptchaWrong, "a captcha serves once, also after a wrong answer")
	id, err = f.keepCaptcha(t.Context(), "K7PQX", "203.0.113.9")
	require.NoError(t, err)
	f.clock.pass(5 * time.Minute)
	require.ErrorIs(t, try(id, "K7PQX", secret), ErrCaptchaWrong, "and for five minutes")
	id, err = f.keepCaptcha(t.Context(), "K7PQX", "203.0.113.9")
	require.NoError(t, err)
	require.NoError(t, try(id, " k7pqx ", secret))
	require.NoError(t, try("", "", secret), "a success ends the suspicion")
}

func TestCaptchaIsAPicture(t *testing.T) {
	f := open(t, func(c *Config) { c.Captcha = CaptchaAlways })
	f.person(t, "applicant")
	_, err := f.login(t, "applicant", secret, "192.0.2.1")
	require.ErrorIs(t, err, ErrCaptchaRequired)
	c, err := f.NewCaptcha(t.Context(), "192.0.2.1")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(c.Image, "data:image/png;base64,iVBOR"))
	require.NotEmpty(t, c.ID)
}

func TestAFloodIsTurnedAwayAndNotQueuedWithoutEnd(t *testing.T) {
	f := open(t, func(c *Config) { c.Argon2.Queue, c.Argon2.Concurrent = 1, 1 })
	f.hashes.slots <- struct{}{} // somebody is computing
	f.hashes.waiting.Store(2)    // and somebody waits
	_, err := f.login(t, "nobody", "x", "192.0.2.1")
	require.ErrorIs(t, err, ErrBusy)
	<-f.hashes.slots
	f.hashes.waiting.Store(0)
	_, err = f.login(t, "nobody", "x", "192.0.2.1")
	require.ErrorIs(t, err, ErrBadCredentials)
}

func TestPasswordsAreHashedAgainWhenTheCostsChange(t *testing.T) {
	f := open(t)
	id := f.person(t, "applicant")
	f.hashes.argon.Time = 2
	f.mustLogin(t, "applicant")
	f.mustLogin(t, "applicant")
	var hash string
	require.NoError(t, f.reader.QueryRowContext(t.Context(), `SELECT password FROM accounts WHERE id = $1`, id).Scan(&hash))
	require.Contains(t, hash, "m=16,t=2,p=1")
}

func TestSignInsAreAudited(t *testing.T) {
	f := open(t)
	id := f.person(t, "applicant")
	f.mustLogin(t, "applicant")
	for range 6 {
		_, _ = f.login(t, "applicant", "guess", "203.0.113.9")
	}
	records, err := f.Audit(t.Context(), AuditQuery{Account: id, Limit: 200})
	require.NoError(t, err)
	kinds := map[AuditKind]int{}
	for _, r := range records {
		kinds[r.Kind]++
	}
	require.Equal(t, map[AuditKind]int{AuditAccountSeeded: 1, AuditSignIn: 1, AuditSignInFailed: 5, AuditLockedOut: 1}, kinds)
	require.Equal(t, "203.0.113.9", records[0].Address)
	require.Contains(t, f.logs.String(), "kind=locked_out")

	page, err := f.Audit(t.Context(), AuditQuery{Kind: AuditSignInFailed, Limit: 2})
	require.NoError(t, err)
	next, err := f.Audit(t.Context(), AuditQuery{Kind: AuditSignInFailed, Limit: 2, Before: page[1].ID})
	require.NoError(t, err)
	require.Less(t, next[0].ID, page[1].ID)
}

func FuzzParseStored(f *testing.F) {
	f.Add("$argon2id$v=19$m=16,t=1,p=1$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA")
	f.Add("$argon2id$v=19$m=99999999999,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := parseStored(s); err == nil && (got.argon.Memory > 1<<20 || got.argon.Time > 16 || got.argon.Threads == 0) {
			t.Fatalf("accepted costs %+v", got.argon)
		}
	})
}

func FuzzNetwork(f *testing.F) {
	for _, s := range []string{"192.0.2.1", "[2001:db8::1%eth0]:80", "::ffff:192.0.2.1", "2001:db8::1", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n := network(s); n == "" || len(n) > 64 {
			t.Fatalf("network %q", n)
		}
	})
}

func TestOneCallerHasOneNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "192.0.2.1:443": "192.0.2.1",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "[2001:db8:1:2::9]:80": "2001:db8:1:2::/64", "nonsense": "?",
	} {
		require.Equal(t, want, network(in), in)
	}
}

func BenchmarkLogin(b *testing.B) {
	f := open(b, func(c *Config) { c.Argon2 = Argon2{} }) // the default costs
	for i := range 4 {
		f.person(b, fmt.Sprint("applicant", i))
	}
	var next atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			account := fmt.Sprint("applicant", next.Add(1)%4) // one account's attempts are judged one by one
			if _, err := f.Login(b.Context(), LoginRequest{Account: account, Password: secret, Address: "192.0.2.1"}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sign-ins/s")
}
