package projections

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"zhiping/domain"
)

// maxTraced is how many events of a batch get a span; large batches are history, which nobody waits for.
const maxTraced = 64

// trace adds one span per event to the trace of the request that caused it: from the start of the fold to the end
// of the commit, so that a trace shows when its write became readable.
func (p *pipeline) trace(events []domain.Recorded, began time.Time) {
	if len(events) > maxTraced {
		return
	}
	for _, e := range events {
		if t := e.Meta.Traceparent; t == "" || strings.HasSuffix(t, "-00") { // a trace that nobody keeps
			continue
		}
		ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": e.Meta.Traceparent})
		_, span := p.cfg.Tracer.Start(ctx, "project "+e.Type, trace.WithTimestamp(began), trace.WithSpanKind(trace.SpanKindConsumer),
			trace.WithAttributes(attribute.String("stream", e.Stream), attribute.Int64("revision", int64(e.Revision)), // #nosec G115 -- revisions stay below 2^63
				attribute.Int("batch", len(events))))
		span.End()
	}
}
