package identity

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// These attack without a pause while the owner gets in, from a network that nobody has signed in from before.

// siege counts the networks that an attacker has used up; each is another /64.
type siege struct {
	*fixture
	networks int
}

func (s *siege) fresh() string {
	s.networks++
	return fmt.Sprintf("2001:db8:%x:%x::1", s.networks>>16, s.networks&0xffff)
}

// solved is a captcha that somebody has read.
func (s *siege) solved(t testing.TB, address string) (id, answer string) {
	t.Helper()
	id, err := s.keepCaptcha(t.Context(), "K7PQX", address)
	require.NoError(t, err)
	return id, "K7PQX"
}

// guess tries a password with a solved captcha, from a network of its own.
func (s *siege) guess(t testing.TB) error {
	t.Helper()
	r := LoginRequest{Account: "applicant", Password: "guess", Address: s.fresh()}
	r.CaptchaID, r.Captcha = s.solved(t, r.Address)
	_, err := s.Login(t.Context(), r)
	return err
}

func TestAnOwnerSomewhereNewGetsInDuringAnAttack(t *testing.T) {
	s := &siege{fixture: open(t, func(c *Config) { c.Captcha = CaptchaAdaptive })}
	s.person(t, "applicant")
	for range 40 {
		require.ErrorIs(t, s.guess(t), ErrBadCredentials)
	}
	for hour := range 3 {
		for range 4 {
			s.clock.pass(15 * time.Second)
			require.ErrorIs(t, s.guess(t), ErrBadCredentials)
		}
		owner := LoginRequest{Account: "applicant", Password: secret, Address: fmt.Sprintf("198.51.100.%d", hour)}
		_, err := s.Login(t.Context(), owner)
		require.ErrorIs(t, err, ErrCaptchaRequired)
		owner.CaptchaID, owner.Captcha = s.solved(t, owner.Address)
		owner.Password = "a slip of the finger"
		_, err = s.Login(t.Context(), owner)
		require.ErrorIs(t, err, ErrBadCredentials)
		require.ErrorIs(t, s.guess(t), ErrBadCredentials)
		owner.Password = secret
		owner.CaptchaID, owner.Captcha = s.solved(t, owner.Address)
		_, err = s.Login(t.Context(), owner)
		require.NoError(t, err, "after a slip, while the attack goes on")
		s.clock.pass(time.Hour - time.Minute)
	}
}

// One network's guesses stay as few as before, and a captcha buys one guess.
func TestACaptchaBuysOneGuessPastTheAccountsBrake(t *testing.T) {
	s := &siege{fixture: open(t, func(c *Config) { c.Captcha = CaptchaAdaptive })}
	s.person(t, "applicant")
	for range 30 {
		require.ErrorIs(t, s.guess(t), ErrBadCredentials)
	}
	r := LoginRequest{Account: "applicant", Password: "guess", Address: s.fresh()}
	for range hardlyFailed {
		_, err := s.Login(t.Context(), r)
		require.ErrorIs(t, err, ErrCaptchaRequired)
		r.CaptchaID, r.Captcha = s.solved(t, r.Address)
		_, err = s.Login(t.Context(), r)
		require.ErrorIs(t, err, ErrBadCredentials)
		r.CaptchaID = ""
	}
	r.CaptchaID, r.Captcha = s.solved(t, r.Address)
	_, err := s.Login(t.Context(), r)
	require.ErrorIs(t, err, ErrLockedOut)
}

func TestAnOwnerSomewhereNewResetsThePasswordDuringAnAttack(t *testing.T) {
	s := &siege{fixture: open(t)}
	_, err := s.EnsureAccount(t.Context(), Account{Name: "张三", Phone: phone}, secret)
	require.NoError(t, err)
	reset := func(code, address string) error {
		return s.ResetPassword(t.Context(), ResetRequest{Phone: phone, Code: code, NewPassword: "sunny-Tuesday-9", Address: address})
	}
	ask := func(address string) error {
		return s.SendCode(t.Context(), CodeRequest{Phone: phone, Purpose: PurposeReset, Address: address})
	}
	attack := func() { // two addresses ask for every code that they may have, and twenty networks guess
		for i := range 2 {
			if err := ask(fmt.Sprintf("203.0.113.%d", i)); err == nil {
				s.message(t)
			} else {
				require.ErrorIs(t, err, ErrCodeTooSoon)
			}
		}
		for range 20 {
			if err := reset("000000", s.fresh()); !errors.Is(err, ErrLockedOut) {
				require.ErrorIs(t, err, ErrCodeWrong)
			}
		}
	}
	for range 30 {
		attack()
		s.clock.pass(time.Minute)
	}
	for i := range 3 {
		owner := fmt.Sprintf("198.51.100.%d", i)
		attack()
		require.NoError(t, ask(owner))
		code := s.message(t).Args["code"].(string)
		attack()
		require.ErrorIs(t, reset(other(code), owner), ErrCodeWrong)
		attack()
		require.NoError(t, reset(code, owner))
		s.clock.pass(time.Minute)
	}
}

// The owner's own networks have a part of the hour that no stranger can use up.
func TestTheOwnersNetworksHaveCodesOfTheirOwn(t *testing.T) {
	s := &siege{fixture: open(t)}
	_, err := s.EnsureAccount(t.Context(), Account{Name: "张三", Phone: phone}, secret)
	require.NoError(t, err)
	_, err = s.login(t, phone, secret, "192.0.2.1")
	require.NoError(t, err)
	sent := 0
	for range 50 {
		if err := s.SendCode(t.Context(), CodeRequest{Phone: phone, Purpose: PurposeReset, Address: s.fresh()}); err == nil {
			s.message(t)
			sent++
		}
	}
	require.Equal(t, codeFirst.uses, sent, "a phone hears no more often than that")
	code := s.code(t, phone, PurposeReset)
	for range 50 { // and nobody elsewhere can use up the tries
		_ = s.ResetPassword(t.Context(), ResetRequest{Phone: phone, Code: "000000", NewPassword: "sunny-Tuesday-9", Address: s.fresh()})
	}
	require.NoError(t, s.ResetPassword(t.Context(), ResetRequest{Phone: phone, Code: code, NewPassword: "sunny-Tuesday-9", Address: "192.0.2.1"}))
}

// However many codes and networks, strangers have few guesses in all.
func TestGuessesAtAPhonesCodesAreFewInAll(t *testing.T) {
	s := &siege{fixture: open(t)}
	_, err := s.EnsureAccount(t.Context(), Account{Name: "张三", Phone: phone}, secret)
	require.NoError(t, err)
	held := 0 // comparisons of a guess with a code
	count := func() (n int) {
		require.NoError(t, s.reader.QueryRowContext(t.Context(), `SELECT CAST(coalesce(sum(strangers), 0) AS INTEGER) FROM sent_codes`).Scan(&n))
		return n
	}
	for range 60 {
		asker := s.fresh()
		if err := s.SendCode(t.Context(), CodeRequest{Phone: phone, Purpose: PurposeReset, Address: asker}); err == nil {
			s.message(t)
			held += codeTries
		}
		for range 10 {
			before := count()
			_ = s.ResetPassword(t.Context(), ResetRequest{Phone: phone, Code: "000000", NewPassword: "sunny-Tuesday-9", Address: s.fresh()})
			held += count() - before
		}
		s.clock.pass(time.Minute)
	}
	require.LessOrEqual(t, held, (codeFirst.uses+codeAgain.uses)*(codeTries+strangerTries))
}

// Many people share an address on the last day.
func TestAUniversityBehindOneAddress(t *testing.T) {
	f := open(t)
	for i := range 300 {
		n := fmt.Sprintf("138%08d", i)
		require.NoError(t, f.SendCode(t.Context(), CodeRequest{Phone: n, Purpose: PurposeRegister, Address: "192.0.2.1"}))
		f.message(t)
		_, err := f.StartQR(t.Context(), "192.0.2.1", "")
		require.NoError(t, err)
	}
	strict := open(t, func(c *Config) { c.Networks = NetworkLimits{Codes: 1, Captchas: 1, Tickets: 1} })
	loose := open(t, func(c *Config) { c.Networks = NetworkLimits{Codes: -1, Captchas: -1, Tickets: -1} })
	for i := range 3 {
		for f, limited := range map[*fixture]bool{strict: i > 0, loose: false} {
			err := f.SendCode(t.Context(), CodeRequest{Phone: fmt.Sprintf("1380000000%d", i), Purpose: PurposeRegister, Address: "192.0.2.1"})
			require.Equal(t, limited, errors.Is(err, ErrCodeTooSoon), "%v", err)
			_, err = f.StartQR(t.Context(), "192.0.2.1", "")
			require.Equal(t, limited, errors.Is(err, ErrTooMany), "%v", err)
			_, err = f.keepCaptcha(t.Context(), "x", "192.0.2.1")
			require.Equal(t, limited, errors.Is(err, ErrTooMany), "%v", err)
		}
	}
}

// Who is signed in changes the password whatever strangers do to the account's brake.
func TestAnAttackOnSignInDoesNotHoldUpAChangeOfPassword(t *testing.T) {
	s := &siege{fixture: open(t)}
	id := s.person(t, "applicant")
	for range 40 {
		_, _ = s.login(t, "applicant", "guess", s.fresh())
	}
	require.NoError(t, s.ChangePassword(t.Context(), ChangePasswordRequest{Account: id, Password: secret, NewPassword: "sunny-Tuesday-9", Address: "198.51.100.7"}))
}
