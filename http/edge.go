package http

import (
	"context"
	"io"
	"runtime/debug"
	"slices"

	"github.com/gofiber/fiber/v2"
)

// newApp makes the Fiber application with what stands before all of its routes. A path is routed as it is spelled, once
// its escapes are undone: letters in the other case, a slash more or less make another path, which is nobody's.
func (s *Server) newApp() *fiber.App {
	app := fiber.New(fiber.Config{
		DisableStartupMessage: true, ErrorHandler: s.fiberError, Immutable: true, CaseSensitive: true, StrictRouting: true, UnescapePath: true,
		StreamRequestBody: true, DisablePreParseMultipartForm: true, BodyLimit: prefetch,
		ReadTimeout: s.ReadTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, ReadBufferSize: 16 << 10,
	})
	app.Use(asGet, settle, s.trace, s.measure)
	if len(s.Origins) > 0 {
		app.Use(s.otherSites())
	}
	app.Use(s.receive)
	return app
}

// forOperators tells whether a request is for the operator's tools, which are neither limited nor traced. Whatever else
// is asked for is the API's, known or not: a spelling that is forgotten here is limited, not let through.
func forOperators(c *fiber.Ctx) bool {
	return slices.Contains([]string{"/healthz", "/readyz", "/metrics"}, c.Path())
}

// asGet answers HEAD as GET does; the connection leaves the body out. A stream without end it would begin, and is ended
// here.
func asGet(c *fiber.Ctx) error {
	if c.Method() != fiber.MethodHead {
		return c.Next()
	}
	c.Method(fiber.MethodGet)
	err := c.RestartRouting()
	if r := c.Response(); r.IsBodyStream() && r.Header.ContentLength() < 0 {
		r.ResetBody()
	}
	return err
}

// settle leaves a connection in order: what a refused request still has to send would be read as the next one. It is
// heard out for a while, because a sender that is cut off never hears why, except one that is told to slow down.
func settle(c *fiber.Ctx) error {
	err := c.Next()
	rest := c.Context().RequestBodyStream()
	if rest == nil || c.Response().ConnectionClose() {
		return err
	}
	most := int64(maxDiscarded)
	if c.Response().StatusCode() == fiber.StatusTooManyRequests {
		most = maxJSON
	}
	if _, end := io.CopyN(io.Discard, rest, most); end != io.EOF { //nolint:errorlint // as CopyN documents
		c.Context().SetConnectionClose()
	}
	return err
}

// securityPolicy lets pages load from here only; captchas and QR codes come as data.
const securityPolicy = "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

// receive runs before every handler: it reads the headers that all routes share, sets those that all answers have, and
// turns a panic into a 500 that says nothing.
func (s *Server) receive(c *fiber.Ctx) (err error) {
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
	c.Set(fiber.HeaderContentSecurityPolicy, securityPolicy)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderVary, fiber.HeaderAcceptLanguage)
	defer func() {
		if r := recover(); r != nil {
			s.Logger.ErrorContext(ctx, "panic", "panic", r, "path", rq.path, "stack", string(debug.Stack()))
			err = s.write(c, errInternal)
		}
	}()
	if err := c.Next(); err != nil {
		return s.fiberError(c, err)
	}
	return nil
}
