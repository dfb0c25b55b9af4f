package http

import (
	"context"
	"crypto/subtle"
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
	maxKey = 128
	maxID  = 128
)

// identify finds out who asks. A bad token fails only routes that need one, so that signing in again works.
func (s *Server) identify(c *fiber.Ctx) error {
	rq := requestOf(c.UserContext())
	token, fromCookie := strings.TrimSpace(strings.TrimPrefix(c.Get(fiber.HeaderAuthorization), "Bearer ")), false
	if token == "" {
		token, fromCookie = s.cookie(c, sessionCookie), true
	}
	if token == "" {
		return c.Next()
	}
	actor, csrf, err := s.Auth.Authenticate(c.UserContext(), token)
	if err != nil {
		rq.failed = err
		return c.Next()
	}
	write := c.Method() != fiber.MethodGet
	if fromCookie && write && (csrf == "" || subtle.ConstantTimeCompare([]byte(c.Get("X-CSRF-Token")), []byte(csrf)) != 1) {
		return s.write(c, ErrCSRF)
	}
	if fromCookie {
		rq.csrf = csrf
	}
	rq.actor, rq.token, rq.signedIn = actor, token, true
	return c.Next()
}

// conditions reads the headers of the contract's conventions.
func (rq *request) conditions(c *fiber.Ctx) error {
	var wrong error
	fault := func(header string) {
		f := domain.NewFault("want_value", nil)
		f.Location = "header." + header
		wrong = domain.ErrInvalid.WithFaults(f)
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
	return wrong
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
