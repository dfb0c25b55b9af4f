package http

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"zhiping/domain"
)

// Client is the caller's side of a request that nobody is signed in for.
type Client struct{ Address, UserAgent string }

// Captcha is a picture to be answered once.
type Captcha struct {
	ID    string `json:"captchaId"`
	Image string `json:"image"` // PNG data URI
}

// Code asks for a one-time code.
type Code struct{ Phone, Purpose, CaptchaID, Captcha string }

// Registration makes an account for who holds the phone.
type Registration struct{ Phone, Code, Password, Name, IDNumber string }

// Ticket is a QR sign-in that a desktop shows. Secret binds it to the browser that asked.
type Ticket struct {
	Ticket    string    `json:"ticket"`
	URL       string    `json:"url"`
	Image     string    `json:"image"` // PNG data URI
	ExpiresAt time.Time `json:"expiresAt"`
	Secret    string    `json:"-"`
}

// Prompt is what the phone shows before it confirms.
type Prompt struct {
	Address   string    `json:"address"`
	UserAgent string    `json:"userAgent"`
	AskedAt   time.Time `json:"askedAt"`
}

// OpenSession is one of an account's sessions.
type OpenSession struct {
	ID        string    `json:"id"`
	Method    string    `json:"method"`
	Address   string    `json:"address"`
	UserAgent string    `json:"userAgent"`
	CreatedAt time.Time `json:"createdAt"`
	SeenAt    time.Time `json:"seenAt"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// Accounts is the built-in identity provider beyond signing in. Safe for concurrent use.
type Accounts interface {
	Captcha(ctx context.Context, c Client) (Captcha, error)
	SendCode(ctx context.Context, code Code, c Client) error
	Register(ctx context.Context, r Registration, c Client) (User, error)
	ResetPassword(ctx context.Context, phone, code, password string, c Client) error
	StartQR(ctx context.Context, c Client) (Ticket, error)
	// PollQR answers the ticket's status, and once, after the confirmation, its session.
	PollQR(ctx context.Context, ticket, secret string) (status string, session *Session, err error)
	ScanQR(ctx context.Context, account, ticket string) (Prompt, error)
	// ConfirmQR also takes the token of the session that confirms, with which the confirmation ends.
	ConfirmQR(ctx context.Context, account, token, ticket string) error
	// Sessions lists an account's sessions, newest first, behind one of them when that is not nil.
	Sessions(ctx context.Context, account string, behind *OpenSession, limit int) ([]OpenSession, error)
	EndSession(ctx context.Context, account, id string) error
	// EndOtherSessions ends all but the token's own.
	EndOtherSessions(ctx context.Context, account, token string) error
	// ChangePassword also ends all sessions but the token's own.
	ChangePassword(ctx context.Context, account, token, password, newPassword string, c Client) error
}

func (rq *request) client() Client {
	return Client{Address: rq.ip, UserAgent: rq.fiber.Get(fiber.HeaderUserAgent)}
}

// passwordRoutes are those of the built-in identity provider.
func (s *Server) passwordRoutes() {
	handle(s, route{"POST", "/auth/login", "Sign in with a password", "", 200}, s.login, signsIn)
	handle(s, route{"POST", "/auth/captcha", "A captcha, to be answered once within five minutes", "", 200}, func(ctx context.Context, _ *struct{}) (*struct{ Body Captcha }, error) {
		c, err := s.Accounts.Captcha(ctx, requestOf(ctx).client())
		return &struct{ Body Captcha }{c}, err
	}, signsIn)
	handle(s, route{"POST", "/auth/codes", "Send a one-time code to a phone", "", 202}, func(ctx context.Context, in *struct {
		Body struct {
			Phone     string `json:"phone" maxLength:"32"`
			Purpose   string `json:"purpose" enum:"register,reset"`
			CaptchaID string `json:"captchaId,omitempty" maxLength:"64"`
			Captcha   string `json:"captcha,omitempty" maxLength:"16"`
		}
	}) (*struct{}, error) {
		return nil, s.Accounts.SendCode(ctx, Code(in.Body), requestOf(ctx).client())
	}, signsIn)
	handle(s, route{"POST", "/auth/register", "Make an account for who holds the phone", "", 201}, func(ctx context.Context, in *struct {
		Body struct {
			Phone    string `json:"phone" maxLength:"32"`
			Code     string `json:"code" maxLength:"16"`
			Password string `json:"password" maxLength:"512"`
			Name     string `json:"name" maxLength:"200"`
			IDNumber string `json:"idNumber" maxLength:"32"`
		}
	}) (*struct{ Body User }, error) {
		u, err := s.Accounts.Register(ctx, Registration(in.Body), requestOf(ctx).client())
		return &struct{ Body User }{u}, err
	}, signsIn)
	handle(s, route{"POST", "/auth/password/reset", "Set a new password by one-time code; ends all sessions", "", 204}, func(ctx context.Context, in *struct {
		Body struct {
			Phone       string `json:"phone" maxLength:"32"`
			Code        string `json:"code" maxLength:"16"`
			NewPassword string `json:"newPassword" maxLength:"512"`
		}
	}) (*struct{}, error) {
		return nil, s.Accounts.ResetPassword(ctx, in.Body.Phone, in.Body.Code, in.Body.NewPassword, requestOf(ctx).client())
	}, signsIn)
	handle(s, route{"POST", "/me/password", "Set another password; ends the caller's other sessions", anyone, 204}, func(ctx context.Context, in *struct {
		Body struct {
			Password    string `json:"password" maxLength:"512" doc:"the present one"`
			NewPassword string `json:"newPassword" maxLength:"512"`
		}
	}) (*struct{}, error) {
		rq := requestOf(ctx)
		return nil, s.Accounts.ChangePassword(ctx, rq.actor.ID, rq.token, in.Body.Password, in.Body.NewPassword, rq.client())
	})
	if s.QR {
		s.qrRoutes()
		return
	}
	s.app.Post("/api/v1/auth/qr", func(c *fiber.Ctx) error { return s.write(c, ErrNoQR) })
}

// ErrNoQR: this site does not know what address a phone reaches it at.
var ErrNoQR = domain.NewError(domain.NotFound, "no_qr")

type byTicket struct {
	Ticket string `path:"ticket" maxLength:"128"`
}

// polled is where a ticket stands; the session is in it once.
type polled struct {
	Status string `json:"status" enum:"pending,scanned,confirmed,expired"`
	*SignedIn
}

func (s *Server) qrRoutes() {
	handle(s, route{"POST", "/auth/qr", "A QR ticket for a desktop", "", 200}, func(ctx context.Context, _ *struct{}) (*struct{ Body Ticket }, error) {
		rq := requestOf(ctx)
		t, err := s.Accounts.StartQR(ctx, rq.client())
		if err != nil {
			return nil, err
		}
		s.setCookie(rq.fiber, qrCookie, t.Secret, fiber.CookieSameSiteStrictMode, t.ExpiresAt)
		return &struct{ Body Ticket }{t}, nil
	}, signsIn)
	handle(s, route{"GET", "/auth/qr/{ticket}", "Where a ticket stands, for the browser that asked", "", 200}, func(ctx context.Context, in *byTicket) (*struct{ Body polled }, error) {
		rq := requestOf(ctx)
		status, session, err := s.Accounts.PollQR(ctx, in.Ticket, s.cookie(rq.fiber, qrCookie))
		if err != nil {
			return nil, err
		}
		out := &struct{ Body polled }{polled{Status: status}}
		if session != nil {
			s.clearCookie(rq.fiber, qrCookie)
			body := s.open(rq, *session)
			out.Body.SignedIn = &body
		}
		return out, nil
	}, unviewed)
	handle(s, route{"POST", "/auth/qr/{ticket}/scan", "Claim a ticket from a signed-in phone", anyone, 200}, func(ctx context.Context, in *byTicket) (*struct{ Body Prompt }, error) {
		p, err := s.Accounts.ScanQR(ctx, requestOf(ctx).actor.ID, in.Ticket)
		return &struct{ Body Prompt }{p}, err
	})
	handle(s, route{"POST", "/auth/qr/{ticket}/confirm", "Let the desktop of a scanned ticket in", anyone, 204}, func(ctx context.Context, in *byTicket) (*struct{}, error) {
		rq := requestOf(ctx)
		return nil, s.Accounts.ConfirmQR(ctx, rq.actor.ID, rq.token, in.Ticket)
	})
}
