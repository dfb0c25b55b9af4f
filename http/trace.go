package http

import (
	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// trace makes a span of a request, named by its route's pattern, within the caller's trace if it names one.
func (s *Server) trace(c *fiber.Ctx) error {
	if forOperators(c) {
		return c.Next()
	}
	ctx := c.UserContext()
	if parent := c.Get("traceparent"); parent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": parent, "tracestate": c.Get("tracestate")})
	}
	ctx, span := s.Tracer.Start(ctx, c.Method(),
		trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(semconv.HTTPRequestMethodKey.String(c.Method())))
	defer span.End()
	c.SetUserContext(ctx)
	err := c.Next()
	if !span.IsRecording() {
		return err
	}
	pattern, status := c.Route().Path, c.Response().StatusCode()
	span.SetName(c.Method() + " " + pattern)
	span.SetAttributes(semconv.HTTPRoute(pattern), semconv.HTTPResponseStatusCode(status))
	if status >= fiber.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	return err
}
