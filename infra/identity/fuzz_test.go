package identity

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/domain"
)

// No ticket, captcha or code that was not handed out is good for anything, whatever it looks like.
func FuzzTickets(f *testing.F) {
	x := open(f, func(c *Config) { c.Captcha = CaptchaAlways })
	id := x.person(f, "applicant")
	ticket, err := x.StartQR(f.Context(), "192.0.2.1", "agent")
	require.NoError(f, err)
	f.Add(ticket.Ticket, "x", "13900000009", "123456")
	f.Add("", ticket.Secret, "", "")
	f.Add("' OR 1=1 --", "\x00", "+86 139", "１２３４５６")
	f.Fuzz(func(t *testing.T, name, secret, phone, code string) {
		ctx := context.Background()
		poll, err := x.PollQR(ctx, name, secret)
		if err != nil || poll.Session != nil || poll.Status == QRConfirmed {
			t.Fatalf("a ticket nobody confirmed: %+v %v", poll, err)
		}
		if err := x.ConfirmQR(ctx, id, "session", name); !known(err) {
			t.Fatalf("confirming %q: %v", name, err)
		}
		if err := x.spendCaptcha(ctx, name, secret); !known(err) {
			t.Fatalf("captcha %q: %v", name, err)
		}
		if err := x.ResetPassword(ctx, ResetRequest{Phone: phone, Code: code, NewPassword: "another horse 订书机"}); !known(err) {
			t.Fatalf("resetting %q with %q: %v", phone, code, err)
		}
		if err := x.SendCode(ctx, CodeRequest{Phone: phone, Purpose: Purpose(name), CaptchaID: name, Captcha: secret}); !known(err) {
			t.Fatalf("a code for %q without a captcha: %v", phone, err)
		}
	})
}

// known tells whether an error is a refusal that callers understand.
func known(err error) bool {
	var e *domain.Error
	return errors.As(err, &e)
}
