package commands

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"zhiping/domain"
)

// span begins a step of a command; end tells how it went. A refusal is an outcome, not a failure of the step.
func (x *Executor) span(ctx context.Context, name string, attributes ...attribute.KeyValue) (_ context.Context, end func(error)) {
	ctx, span := x.tracer.Start(ctx, name, trace.WithAttributes(attributes...))
	return ctx, func(err error) {
		var refusal *domain.Error
		switch {
		case err == nil:
		case errors.As(err, &refusal) && refusal.Kind != domain.Unavailable:
			span.SetAttributes(attribute.String("refusal", refusal.Code))
		default:
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

// traceparent is the W3C header of the span in ctx, by which whoever handles the event later joins its trace.
func traceparent(ctx context.Context) string {
	c := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, c)
	return c["traceparent"]
}
