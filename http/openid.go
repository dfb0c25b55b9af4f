package http

import (
	"context"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"zhiping/domain"
)

// OpenID signs people in at an OpenID provider, in place of passwords. Safe for concurrent use.
type OpenID interface {
	// Begin answers where the browser goes to sign in, and a secret that binds the sign-in to that browser.
	Begin(ctx context.Context, returnTo string) (address, secret string, err error)
	// Finish answers the session and the path on our own site that the sign-in began with.
	Finish(ctx context.Context, a OpenIDAnswer) (s Session, returnTo string, err error)
	// SignOut ends the sessions of the person whom a back-channel logout token names.
	SignOut(ctx context.Context, logoutToken string) error
}

// OpenIDAnswer is what the provider sends a browser back with.
type OpenIDAnswer struct {
	State, Code, Issuer, Error string
	Secret                     string // of the browser, from its cookie
	Client                     Client
}

// ErrSignInElsewhere: the built-in sign-in is off, because people sign in at an OpenID provider.
var ErrSignInElsewhere = domain.ErrSignInElsewhere

const openIDPath = "/api/v1/auth/openid"

// Methods are the ways to sign in here.
type Methods struct {
	Methods []string `json:"methods" doc:"password, and qr where a phone can be told this site's address; or openid"`
	OpenID  string   `json:"openid,omitempty" doc:"where a browser goes to sign in; takes returnTo, a path on this site"`
}

// signInRoutes are those of the provider that is in use. The other's answer where to go.
func (s *Server) signInRoutes() {
	methods := Methods{Methods: []string{"password"}}
	switch {
	case s.OpenID != nil:
		methods = Methods{Methods: []string{"openid"}, OpenID: openIDPath}
	case s.QR:
		methods.Methods = append(methods.Methods, "qr")
	}
	handle(s, route{"GET", "/auth/methods", "How to sign in here", "", 200}, func(context.Context, *struct{}) (*struct{ Body Methods }, error) {
		return &struct{ Body Methods }{methods}, nil
	}, unviewed)
	s.authRoutes()
	if s.OpenID == nil {
		s.passwordRoutes()
		return
	}
	s.openIDRoutes()
	for _, path := range []string{"/auth/captcha", "/auth/codes", "/auth/register", "/auth/login", "/auth/password/reset", "/auth/qr", "/me/password"} {
		s.app.Post("/api/v1"+path, func(c *fiber.Ctx) error { return s.write(c, ErrSignInElsewhere) })
	}
}

// redirect sends a browser elsewhere.
type redirect struct {
	Status   int
	Location string `header:"Location"`
}

func (s *Server) openIDRoutes() {
	handle(s, route{"GET", "/auth/openid", "Send the browser to the OpenID provider", "", 302}, s.beginOpenID, signsIn, unviewed)
	handle(s, route{"GET", "/auth/openid/callback", "Where the provider sends the browser back to", "", 303}, s.finishOpenID, signsIn, unviewed)
	handle(s, route{"POST", "/auth/openid/logout", "Back-channel logout: the provider signs a person out everywhere", "", 200}, func(ctx context.Context, in *struct {
		RawBody []byte `contentType:"application/x-www-form-urlencoded"`
	}) (*struct{}, error) {
		form, err := url.ParseQuery(string(in.RawBody))
		if err != nil {
			return nil, ErrMalformed
		}
		return nil, s.OpenID.SignOut(ctx, form.Get("logout_token"))
	})
}

func (s *Server) beginOpenID(ctx context.Context, in *struct {
	ReturnTo string `query:"returnTo" maxLength:"2000" doc:"a path on this site"`
}) (*redirect, error) {
	address, secret, err := s.OpenID.Begin(ctx, in.ReturnTo)
	if err != nil {
		return nil, err
	}
	// Lax, because the provider's redirect back comes from another site.
	s.setCookie(requestOf(ctx).fiber, openIDCookie, secret, fiber.CookieSameSiteLaxMode, time.Time{})
	return &redirect{fiber.StatusFound, address}, nil
}

func (s *Server) finishOpenID(ctx context.Context, in *struct {
	State  string `query:"state" maxLength:"200"`
	Code   string `query:"code" maxLength:"4096"`
	Issuer string `query:"iss" maxLength:"2000"`
	Error  string `query:"error" maxLength:"200"`
}) (*redirect, error) {
	rq := requestOf(ctx)
	session, returnTo, err := s.OpenID.Finish(ctx, OpenIDAnswer{State: in.State, Code: in.Code, Issuer: in.Issuer, Error: in.Error,
		Secret: s.cookie(rq.fiber, openIDCookie), Client: rq.client()})
	if err != nil {
		return nil, err
	}
	s.clearCookie(rq.fiber, openIDCookie)
	s.open(rq, session)
	return &redirect{fiber.StatusSeeOther, returnTo}, nil
}
