package http

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"zhiping/domain"
)

// User is what an account may see of itself.
type User struct {
	ID           string               `json:"id"`
	Name         string               `json:"name"`
	Roles        []domain.Role        `json:"roles"`
	Organization *domain.Organization `json:"organization,omitempty"`
}

func userOf(a domain.Actor) User {
	u := User{ID: a.ID, Name: a.Name, Roles: a.Roles}
	if a.Organization.ID != "" {
		u.Organization = &a.Organization
	}
	return u
}

type loginBody struct {
	Account   string `json:"account" minLength:"1" maxLength:"64"`
	Password  string `json:"password" minLength:"1" maxLength:"512"`
	CaptchaID string `json:"captchaId,omitempty" maxLength:"64"`
	Captcha   string `json:"captcha,omitempty" maxLength:"16"`
}

// SignedIn is the answer of a sign-in.
type SignedIn struct {
	AccessToken string    `json:"accessToken"`
	ExpiresAt   time.Time `json:"expiresAt"`
	CSRFToken   string    `json:"csrfToken,omitempty"`
	User        User      `json:"user"`
}

func (s *Server) authRoutes() {
	handle(s, route{"POST", "/auth/logout", "End this session; X-Logout-URL is where the browser goes on to be signed out at the OpenID provider", anyone, 204}, s.logout)
	handle(s, route{"GET", "/me", "Who is signed in; callers with the cookie also learn their session's X-CSRF-Token", anyone, 200}, func(ctx context.Context, _ *struct{}) (*me, error) {
		rq := requestOf(ctx)
		return &me{CSRF: rq.csrf, Body: userOf(rq.actor)}, nil
	}, unviewed)
	s.sessionRoutes()
}

type me struct {
	CSRF string `header:"X-CSRF-Token"`
	Body User
}

func (s *Server) login(ctx context.Context, in *struct{ Body loginBody }) (*struct{ Body SignedIn }, error) {
	rq := requestOf(ctx)
	session, err := s.Auth.Login(ctx, Login{
		Account: in.Body.Account, Password: in.Body.Password, CaptchaID: in.Body.CaptchaID, Captcha: in.Body.Captcha,
		Address: rq.ip, UserAgent: rq.fiber.Get(fiber.HeaderUserAgent),
	})
	if err != nil {
		return nil, err
	}
	return &struct{ Body SignedIn }{s.open(rq, session)}, nil
}

// open answers a new session, and sets the portal's cookie.
func (s *Server) open(rq *request, session Session) SignedIn {
	s.setCookie(rq.fiber, sessionCookie, session.Token, fiber.CookieSameSiteLaxMode, session.ExpiresAt)
	return SignedIn{session.Token, session.ExpiresAt, session.CSRF, userOf(session.Actor)}
}

type signedOut struct {
	Elsewhere string `header:"X-Logout-URL"`
}

func (s *Server) logout(ctx context.Context, _ *struct{}) (*signedOut, error) {
	rq := requestOf(ctx)
	elsewhere, err := s.Auth.Logout(ctx, rq.token)
	if err != nil {
		return nil, err
	}
	s.clearCookie(rq.fiber, sessionCookie)
	return &signedOut{elsewhere}, nil
}
