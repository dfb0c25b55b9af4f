package identity

import (
	"encoding/base64"
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

func TestAPhoneSignsADesktopIn(t *testing.T) {
	f := open(t, func(c *Config) { c.BaseURL = "https://zhiping.example/" })
	id := f.person(t, "applicant")
	q, err := f.StartQR(t.Context(), "192.0.2.7", "desktop")
	require.NoError(t, err)
	require.Equal(t, QRPending, f.poll(t, q.Ticket, q.Secret).Status)
	require.ErrorIs(t, f.ConfirmQR(t.Context(), id, q.Ticket), ErrQRNotScanned)

	prompt, err := f.ScanQR(t.Context(), id, q.Ticket)
	require.NoError(t, err)
	require.Equal(t, QRPrompt{Address: "192.0.2.7", Agent: "desktop", AskedAt: f.clock.now()}, prompt)
	require.Equal(t, QRScanned, f.poll(t, q.Ticket, q.Secret).Status)
	require.NoError(t, f.ConfirmQR(t.Context(), id, q.Ticket))

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
	q, err := f.StartQR(t.Context(), "", "")
	require.NoError(t, err)
	_, err = f.ScanQR(t.Context(), id, q.Ticket)
	require.NoError(t, err)
	require.NoError(t, f.ConfirmQR(t.Context(), id, q.Ticket))

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
	_, err = f.ScanQR(t.Context(), id, q.Ticket)
	require.ErrorIs(t, err, ErrQRExpired)
	require.ErrorIs(t, f.ConfirmQR(t.Context(), id, q.Ticket), ErrQRExpired)
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
	require.ErrorIs(t, f.ConfirmQR(t.Context(), stranger, q.Ticket), ErrQRExpired)
	f.clock.pass(qrLife)
	require.ErrorIs(t, f.ConfirmQR(t.Context(), id, q.Ticket), ErrQRExpired)
	require.Equal(t, QRExpired, f.poll(t, q.Ticket, q.Secret).Status)
}

func TestADisabledAccountGetsNoSessionFromAConfirmedTicket(t *testing.T) {
	f := open(t)
	id := f.person(t, "applicant")
	q, err := f.StartQR(t.Context(), "", "")
	require.NoError(t, err)
	_, err = f.ScanQR(t.Context(), id, q.Ticket)
	require.NoError(t, err)
	require.NoError(t, f.ConfirmQR(t.Context(), id, q.Ticket))
	require.NoError(t, f.Disable(t.Context(), id, "admin"))
	require.Equal(t, QRPoll{Status: QRExpired}, f.poll(t, q.Ticket, q.Secret))
}
