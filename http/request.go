package http

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/readmodels"
)

// request is what the edge knows of a request before any handler runs. It lives as long as the handler.
type request struct {
	id, lang, path, ip string
	traceparent        string
	actor              domain.Actor
	token              string
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

// envelope is what the executor needs to know of the request.
func (rq *request) envelope() commands.Envelope {
	return commands.Envelope{Actor: rq.actor, IP: rq.ip, CorrelationID: rq.id, CausationID: rq.id, Traceparent: rq.traceparent, Key: rq.key, IfMatch: rq.ifMatch}
}

const (
	cookieName = "zhiping_session"
	maxKey     = 128
	maxID      = 128
)

// receive runs before every handler: it reads the headers that all routes share, signs the caller in, reads the body
// within its limit, and turns a panic into a 500 that says nothing.
func (s *Server) receive(c *fiber.Ctx) (err error) {
	rq := &request{lang: language(c.Get(fiber.HeaderAcceptLanguage)), path: c.Path(), ip: c.IP(), fiber: c, traceparent: c.Get("traceparent")}
	if rq.id = c.Get(fiber.HeaderXRequestID); !sane(rq.id, maxID) {
		rq.id = s.NewID()
	}
	ctx := context.WithValue(c.UserContext(), requestKey{}, rq)
	c.SetUserContext(ctx)
	c.Set(fiber.HeaderXRequestID, rq.id)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	c.Set(fiber.HeaderReferrerPolicy, "same-origin")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
	c.Set(fiber.HeaderCacheControl, "no-store")
	started := s.Clock()
	defer func() {
		s.Request(c.Method(), c.Route().Path, c.Response().StatusCode(), s.Clock().Sub(started))
	}()
	defer func() {
		if r := recover(); r != nil {
			s.Logger.ErrorContext(ctx, "panic", "panic", r, "requestId", rq.id, "path", rq.path, "stack", string(debug.Stack()))
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
	write := c.Method() != fiber.MethodGet && c.Method() != fiber.MethodHead
	if fromCookie && write && (csrf == "" || c.Get("X-CSRF-Token") != csrf) {
		return ErrCSRF
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
		n, err := strconv.ParseUint(strings.Trim(m, `"`), 10, 64)
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

// readBody takes a JSON body in, within its limit; an upload is left for its handler to stream. What is too large
// is read on and thrown away for a while, because a sender that is cut off never hears why.
func (s *Server) readBody(c *fiber.Ctx) error {
	stream := c.Context().RequestBodyStream()
	if stream == nil || strings.HasPrefix(c.Get(fiber.HeaderContentType), fiber.MIMEMultipartForm) {
		return nil
	}
	var body []byte
	var err error
	if n := c.Request().Header.ContentLength(); n <= maxJSON {
		body, err = io.ReadAll(io.LimitReader(stream, maxJSON+1))
	}
	if err != nil {
		c.Context().SetConnectionClose()
		return ErrMalformed
	}
	if len(body) > maxJSON || c.Request().Header.ContentLength() > maxJSON {
		discard(c, stream)
		return ErrTooLarge
	}
	if !utf8.Valid(body) {
		return ErrMalformed
	}
	c.Request().SetBodyStream(bytes.NewReader(body), len(body))
	return nil
}

// discard reads what is left of a body, up to a bound, and ends the connection.
func discard(c *fiber.Ctx, stream io.Reader) {
	_, _ = io.CopyN(io.Discard, stream, maxUpload)
	c.Context().SetConnectionClose()
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

// route describes one operation. Action is the policy table's; empty for routes that need nobody to be signed in.
type route struct {
	method, path, summary string
	action                access.Action
	status                int
}

// handle registers an operation. Reads wait for the position that the caller asks for, and say how far they are.
func handle[I, O any](s *Server, r route, h func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: strings.ToLower(r.method) + strings.NewReplacer("/", "-", "{", "", "}", "").Replace(r.path),
		Method:      r.method, Path: "/api/v1" + r.path, Summary: r.summary, DefaultStatus: r.status,
		MaxBodyBytes: maxJSON, Errors: []int{400, 401, 403, 404, 409, 422, 503}, Metadata: map[string]any{"action": r.action},
	}
	if r.action != "" {
		op.Security = []map[string][]string{{"bearer": {}}}
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		rq := requestOf(ctx)
		if err := s.admit(ctx, rq, r); err != nil {
			return nil, s.problem(ctx, err)
		}
		out, err := h(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

func (s *Server) admit(ctx context.Context, rq *request, r route) error {
	if rq.wrong != nil {
		return rq.wrong
	}
	if r.action != "" {
		switch {
		case !rq.signedIn && rq.failed != nil:
			return rq.failed
		case !rq.signedIn:
			return ErrNotSignedIn
		case r.action != anyone && !access.MayTry(rq.actor, r.action):
			return domain.ErrForbidden
		}
	}
	if r.method != fiber.MethodGet {
		return nil
	}
	return s.caughtUp(ctx, rq)
}

// anyone is the action of routes for everybody who is signed in.
const anyone access.Action = "anyone"

// caughtUp waits for the caller's position and notes the read models' own, before anything is read.
func (s *Server) caughtUp(ctx context.Context, rq *request) error {
	if rq.after > 0 {
		wait, cancel := context.WithTimeout(ctx, behindTimeout)
		defer cancel()
		if err := s.Tracker.Wait(wait, rq.after); err != nil {
			return fmt.Errorf("%w: %w", ErrReadModelBehind, err)
		}
	}
	position, err := s.Tracker.Position(ctx)
	if err != nil {
		return err
	}
	rq.fiber.Set("X-Position", strconv.FormatUint(position, 10))
	return nil
}

// read is the answer of a query.
type read[T any] struct {
	Status int
	ETag   string `header:"ETag"`
	Body   T
}

// found answers one document; a caller that has this revision already is told so.
func found[T any](ctx context.Context, body T, revision uint64) *read[T] {
	tag := etag(revision)
	if requestOf(ctx).ifNoneMatch == tag {
		return &read[T]{Status: fiber.StatusNotModified, ETag: tag}
	}
	return &read[T]{Status: fiber.StatusOK, ETag: tag, Body: body}
}

// written is the answer of a command.
type written[T any] struct {
	Status   int
	Position string `header:"X-Position"`
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     T
}

func wrote[S, T any](r commands.Result[S], status int, body T) *written[T] {
	return &written[T]{Status: status, Position: strconv.FormatUint(r.Position, 10), ETag: etag(r.Revision), Body: body}
}

// Paging is what every list takes.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"20"`
	Cursor string `query:"cursor" maxLength:"4096"`
}

func (p Paging) key() (*readmodels.Key, error) {
	if p.Cursor == "" {
		return nil, nil
	}
	k, err := readmodels.DecodeCursor(p.Cursor)
	if err != nil {
		return nil, err
	}
	return &k, nil
}

// list is every list's shape.
type list[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

func listOf[D, T any](page readmodels.Page[D], item func(*D) T) list[T] {
	out := list[T]{Items: make([]T, 0, len(page.Items))}
	for _, i := range page.Items {
		out.Items = append(out.Items, item(i.Doc))
	}
	if page.Next != nil {
		next := readmodels.EncodeCursor(*page.Next)
		out.Next = &next
	}
	return out
}

// one reads one document or answers what its absence means.
func one[D any](ctx context.Context, s *Server, v readmodels.View[D], id string, absent error) (*D, error) {
	d, _, ok, err := v.Get(ctx, s.Reader, id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, absent
	}
	return d, nil
}
