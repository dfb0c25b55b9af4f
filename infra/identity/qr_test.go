package identity

import (
	"encoding/base64"
	"errors"
	"image/png"
	"strings"
	"sync"
	"testing"

	goqr "github.com/piglig/go-qr"
	"github.com/stretchr/testify/require"
)

func (f *fixture) poll(t testing.TB, ticket, secret string) QRPoll {
	t.Helper()
	p, err := f.PollQR(t.Context(), ticket, secret)
	require.NoError(t, err)
	return p
}

// phone is a session that scans and confirms.
func (f *fixture) phone(t testing.TB, account string) (s Session, id string) {
	t.Helper()
	s = f.mustLogin(t, account)
	_, info, err := f.Authenticate(t.Context(), s.AccessToken)
	require.NoError(t, err)
	return s, info.ID
}

// confirmed is a ticket that the session has confirmed.
func (f *fixture) confirmed(t testing.TB, account, session string) QRTicket {
	t.Helper()
	q, err := f.StartQR(t.Context(), "192.0.2.7", "desktop")
	require.NoError(t, err)
	_, err = f.ScanQR(t.Context(), account, q.Ticket)
	require.NoError(t, err)
	require.NoError(t, f.ConfirmQR(t.Context(), account, session, q.Ticket))
	return q
}

func TestAPhoneSignsADesktopIn(t *testing.T) {
	f := open(t, func(c *Config) { c.BaseURL = "https://zhiping.example/" })
	id := f.person(t, "applicant")
	_, session := f.phone(t, "applicant")
	q, err := f.StartQR(t.Context(), "192.0.2.7", "desktop")
	require.NoError(t, err)
	require.Equal(t, QRPending, f.poll(t, q.Ticket, q.Secret).Status)
	require.ErrorIs(t, f.ConfirmQR(t.Context(), id, session, q.Ticket), ErrQRNotScanned)

	prompt, err := f.ScanQR(t.Context(), id, q.Ticket)
	require.NoError(t, err)
	require.Equal(t, QRPrompt{Address: "192.0.2.7", Agent: "desktop", AskedAt: f.clock.now()}, prompt)
	require.Equal(t, QRScanned, f.poll(t, q.Ticket, q.Secret).Status)
	require.NoError(t, f.ConfirmQR(t.Context(), id, session, q.Ticket))

	got := f.poll(t, q.Ticket, q.Secret)
	require.Equal(t, QRConfirmed, got.Status)
	actor, info, err := f.Authenticate(t.Context(), got.Session.AccessToken)
	require.NoError(t, err)
	require.Equal(t, id, actor.ID)
	require.Equal(t, "qr", info.Method)
	require.Equal(t, "192.0.2.7", info.Address)
}

func TestTheQRCodeHoldsTheTicketAndNotTheSecret(t *testing.T) {
	f := open(t, func(c *Config) { c.BaseURL = "https://zhiping.example/" })
	q, err := f.StartQR(t.Context(), "", "")
	require.NoError(t, err)
	data, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(q.Image, "data:image/png;base64,"))
	require.NoError(t, err)
	img, err := png.Decode(strings.NewReader(string(data)))
	require.NoError(t, err)
	decoded, err := goqr.Decode(img)
	require.NoError(t, err)
	require.Equal(t, "https://zhiping.example/qr/"+q.Ticket, decoded)
	require.NotContains(t, decoded, q.Secret)
}

func TestAReplayedTicketGivesNoSecondSession(t *testing.T) {
	f := open(t)
	id := f.person(t, "applicant")
	_, session := f.phone(t, "applicant")
	q := f.confirmed(t, id, session)

	// Who photographed the code has the ticket and not the secret.
	require.Equal(t, QRPoll{Status: QRExpired}, f.poll(t, q.Ticket, "guess"))
	require.Equal(t, QRPoll{Status: QRExpired}, f.poll(t, q.Ticket, ""))

	var wg sync.WaitGroup
	polls := make([]QRPoll, 8)
	for i := range polls {
		wg.Go(func() { polls[i] = f.poll(t, q.Ticket, q.Secret) })
	}
	wg.Wait()
	sessions := 0
	for _, p := range polls {
		if p.Session != nil {
			sessions++
		}
	}
	require.Equal(t, 1, sessions)
	require.Equal(t, QRPoll{Status: QRExpired}, f.poll(t, q.Ticket, q.Secret))
	_, err := f.ScanQR(t.Context(), id, q.Ticket)
	require.ErrorIs(t, err, ErrQRExpired)
	require.ErrorIs(t, f.ConfirmQR(t.Context(), id, session, q.Ticket), ErrQRExpired)
}

func TestATicketBelongsToWhoScannedItAndLivesTwoMinutes(t *testing.T) {
	f := open(t)
	id, stranger := f.person(t, "applicant"), f.person(t, "stranger")
	q, err := f.StartQR(t.Context(), "", "")
	require.NoError(t, err)
	_, err = f.ScanQR(t.Context(), id, q.Ticket)
	require.NoError(t, err)
	_, err = f.ScanQR(t.Context(), id, q.Ticket)
	require.NoError(t, err, "scanning again is harmless")
	_, err = f.ScanQR(t.Context(), stranger, q.Ticket)
	require.ErrorIs(t, err, ErrQRExpired)
	require.ErrorIs(t, f.ConfirmQR(t.Context(), stranger, "session", q.Ticket), ErrQRExpired)
	f.clock.pass(qrLife)
	require.ErrorIs(t, f.ConfirmQR(t.Context(), id, "session", q.Ticket), ErrQRExpired)
	require.Equal(t, QRExpired, f.poll(t, q.Ticket, q.Secret).Status)
}

// What ends the sessions of an account ends its tickets: whoever held a session must not come back by a desktop.
func TestAConfirmedTicketEndsWithWhatItStandsOn(t *testing.T) {
	const other = "rainy-Wednesday-3"
	type world struct {
		*fixture
		id, session string
		phone       Session
	}
	for name, end := range map[string]func(w world) error{
		"the password was reset": func(w world) error {
			return w.ResetPassword(t.Context(), ResetRequest{Phone: phone, Code: w.code(t, phone, PurposeReset), NewPassword: other})
		},
		"the password was changed": func(w world) error {
			return w.ChangePassword(t.Context(), ChangePasswordRequest{Account: w.id, Session: w.session, Password: secret, NewPassword: other})
		},
		"the confirming session was signed out": func(w world) error { return w.Logout(t.Context(), w.phone.AccessToken) },
		"the confirming session was ended":      func(w world) error { return w.EndSession(t.Context(), w.id, w.session) },
		"all sessions were ended":               func(w world) error { return w.EndOtherSessions(t.Context(), w.id, "") },
		"all other sessions were ended":         func(w world) error { return w.EndOtherSessions(t.Context(), w.id, w.session) },
		"the confirming session ran out": func(w world) error {
			_, err := w.writer.ExecContext(t.Context(), `UPDATE sessions SET expires_at = $1`, millis(w.clock.now()))
			return err
		},
		"the account was disabled": func(w world) error { return w.Disable(t.Context(), w.id, "admin") },
		"the account was disabled and enabled": func(w world) error {
			return errors.Join(w.Disable(t.Context(), w.id, "admin"), w.Enable(t.Context(), w.id, "admin"))
		},
		"the account was erased": func(w world) error { return w.Erase(t.Context(), w.id, "admin") },
	} {
		t.Run(name, func(t *testing.T) {
			w := world{fixture: open(t)}
			var err error
			w.id, err = w.EnsureAccount(t.Context(), Account{Name: "张三", Login: "applicant", Phone: phone}, secret)
			require.NoError(t, err)
			w.phone, w.session = w.fixture.phone(t, "applicant")
			q := w.confirmed(t, w.id, w.session)
			require.NoError(t, end(w))
			require.Equal(t, QRPoll{Status: QRExpired}, w.poll(t, q.Ticket, q.Secret))
		})
	}
}
