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
	caller := propagation.MapCarrier{"traceparent": c.Get("traceparent"), "tracestate": c.Get("tracestate")}
	ctx, span := s.Tracer.Start(propagation.TraceContext{}.Extract(c.UserContext(), caller), c.Method(),
		trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(semconv.HTTPRequestMethodKey.String(c.Method())))
	defer span.End()
	c.SetUserContext(ctx)
	err := c.Next()
	pattern, status := c.Route().Path, c.Response().StatusCode()
	span.SetName(c.Method() + " " + pattern)
	span.SetAttributes(semconv.HTTPRoute(pattern), semconv.HTTPResponseStatusCode(status))
	if status >= fiber.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	return err
}
