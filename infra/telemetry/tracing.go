package telemetry

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// TracingConfig says where traces go.
type TracingConfig struct {
	// Endpoint is the URL of an OTLP collector over HTTP, usually $OTEL_EXPORTER_OTLP_ENDPOINT. Empty: nothing
	// is traced, at no cost.
	Endpoint string
	// Service and Version name the program in traces.
	Service, Version string
	// Ratio of new traces that are kept, 0 to 1; 0 means all. A trace that a caller began is kept if it keeps it.
	Ratio float64
}

// Tracing makes tracers. Close it last, so that what is still buffered goes out.
type Tracing struct {
	provider trace.TracerProvider
	close    func(context.Context) error
}

// NewTracing makes the provider. It does not wait for the collector.
func NewTracing(ctx context.Context, cfg TracingConfig) (*Tracing, error) {
	if cfg.Endpoint == "" {
		return &Tracing{noop.NewTracerProvider(), func(context.Context) error { return nil }}, nil
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(cfg.Endpoint))
	if err != nil {
		return nil, fmt.Errorf("telemetry: tracing: %w", err)
	}
	return newTracing(cfg, exporter), nil
}

func newTracing(cfg TracingConfig, exporter sdktrace.SpanExporter) *Tracing {
	ratio := cfg.Ratio
	if ratio <= 0 {
		ratio = 1
	}
	p := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", cfg.Service), attribute.String("service.version", cfg.Version))),
	)
	return &Tracing{p, p.Shutdown}
}

// Tracer is for a part of the program: "http", "commands", "eventstore", "projections".
func (t *Tracing) Tracer(part string) trace.Tracer { return t.provider.Tracer(Namespace + "/" + part) }

// Close sends what is buffered, until ctx ends.
func (t *Tracing) Close(ctx context.Context) error { return t.close(ctx) }

// Traceparent is the W3C header of the span in ctx, for the metadata of events; empty without one.
func Traceparent(ctx context.Context) string {
	c := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, c)
	return c["traceparent"]
}

// WithTraceparent continues the trace that a W3C header names. A malformed one is ignored.
func WithTraceparent(ctx context.Context, header string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": header})
}
