package http

import (
	"context"
	"crypto/subtle"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"zhiping/commands"
	"zhiping/domain"
)

// request is what the edge knows of a request before any handler runs. It lives as long as the handler.
type request struct {
	id, lang, path, ip string
	actor              domain.Actor
	token              string
	csrf               string // of a caller with the cookie
	signedIn           bool
	failed             error // why the token was not taken; nil without one
	key                string
	ifMatch            *uint64
	ifNoneMatch        string
	after              uint64
	wrong              *domain.Error // a header that cannot be read
	fiber              *fiber.Ctx
}

type requestKey struct{}

func requestOf(ctx context.Context) *request {
	if rq, ok := ctx.Value(requestKey{}).(*request); ok {
		return rq
	}
	return &request{lang: "zh"}
}

// CorrelationID is the id of the request that a context belongs to, as X-Request-ID names it; empty without one.
func CorrelationID(ctx context.Context) string { return requestOf(ctx).id }

// envelope is what the executor needs to know of the request.
func (rq *request) envelope() commands.Envelope {
	return commands.Envelope{Actor: rq.actor, IP: rq.ip, CorrelationID: rq.id, CausationID: rq.id, Key: rq.key, IfMatch: rq.ifMatch}
}

const (
	cookieName = "zhiping_session"
	maxKey     = 128
	maxID      = 128
)

// receive runs before every handler: it reads the headers that all routes share, signs the caller in, reads the body
// within its limit, and turns a panic into a 500 that says nothing.
func (s *Server) receive(c *fiber.Ctx) (err error) {
	if c.Method() == fiber.MethodHead {
		return head(c)
	}
	rq := &request{lang: language(c.Get(fiber.HeaderAcceptLanguage)), path: c.Path(), ip: s.clientIP(c), fiber: c}
	if rq.id = c.Get(fiber.HeaderXRequestID); !sane(rq.id, maxID) {
		rq.id = s.NewID()
	}
	ctx := context.WithValue(c.UserContext(), requestKey{}, rq)
	c.SetUserContext(ctx)
	c.Set(fiber.HeaderXRequestID, rq.id)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	c.Set(fiber.HeaderReferrerPolicy, "same-origin")
	if s.Secure {
		c.Set(fiber.HeaderStrictTransportSecurity, "max-age=31536000")
	}
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderVary, fiber.HeaderAcceptLanguage)
	defer func() {
		if r := recover(); r != nil {
			s.Logger.ErrorContext(ctx, "panic", "panic", r, "path", rq.path, "stack", string(debug.Stack()))
			err = s.write(c, errInternal)
		}
	}()
	if strings.HasPrefix(rq.path, "/api/") {
		if err := s.identify(c, rq); err != nil {
			return s.write(c, err)
		}
		rq.conditions(c)
	}
	if err := s.readBody(c); err != nil {
		return s.write(c, err)
	}
	if err := c.Next(); err != nil {
		return s.fiberError(c, err)
	}
	return nil
}

// head answers as GET does; the connection leaves the body out. A stream without end it would begin, and is ended here.
func head(c *fiber.Ctx) error {
	c.Method(fiber.MethodGet)
	err := c.RestartRouting()
	if r := c.Response(); r.IsBodyStream() && r.Header.ContentLength() < 0 {
		r.ResetBody()
	}
	return err
}

// identify finds out who asks. A bad token fails only routes that need one, so that signing in again works.
func (s *Server) identify(c *fiber.Ctx, rq *request) error {
	token, fromCookie := strings.TrimSpace(strings.TrimPrefix(c.Get(fiber.HeaderAuthorization), "Bearer ")), false
	if token == "" {
		token, fromCookie = c.Cookies(cookieName), true
	}
	if token == "" {
		return nil
	}
	actor, csrf, err := s.Auth.Authenticate(c.UserContext(), token)
	if err != nil {
		rq.failed = err
		return nil
	}
	write := c.Method() != fiber.MethodGet
	if fromCookie && write && (csrf == "" || subtle.ConstantTimeCompare([]byte(c.Get("X-CSRF-Token")), []byte(csrf)) != 1) {
		return ErrCSRF
	}
	if fromCookie {
		rq.csrf = csrf
	}
	rq.actor, rq.token, rq.signedIn = actor, token, true
	return nil
}

// conditions reads the headers of the contract's conventions. A bad one is answered by the wrapper of the handlers.
func (rq *request) conditions(c *fiber.Ctx) {
	fault := func(header string) {
		f := domain.NewFault("want_value", nil)
		f.Location = "header." + header
		rq.wrong = domain.ErrInvalid.WithFaults(f)
	}
	if rq.key = c.Get("Idempotency-Key"); rq.key != "" && !sane(rq.key, maxKey) {
		fault("Idempotency-Key")
	}
	if m := c.Get(fiber.HeaderIfMatch); m != "" && m != "*" {
		revision, _, _ := strings.Cut(strings.Trim(m, `"`), "-") // what follows is a variant of the same revision
		n, err := strconv.ParseUint(revision, 10, 64)
		if err != nil {
			fault("If-Match")
		}
		rq.ifMatch = &n
	}
	rq.ifNoneMatch = c.Get(fiber.HeaderIfNoneMatch)
	after := c.Query("after")
	if h := c.Get("X-After-Position"); h != "" {
		after = h
	}
	if after != "" {
		n, err := strconv.ParseUint(after, 10, 64)
		if err != nil {
			fault("X-After-Position")
		}
		rq.after = n
	}
}

// sane tells whether a header's value is short printable ASCII, which can be logged and stored as it is.
func sane(v string, longest int) bool {
	if v == "" || len(v) > longest {
		return false
	}
	return !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' })
}

func language(accept string) string {
	first, _, _ := strings.Cut(accept, ",")
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(first)), "en") {
		return "en"
	}
	return "zh"
}
