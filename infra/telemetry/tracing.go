package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// TracingConfig names the program in traces. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES may say otherwise.
type TracingConfig struct {
	Service, Version string
}

// Tracing makes tracers. Close it last, so that what is still buffered goes out.
type Tracing struct {
	provider *sdktrace.TracerProvider
}

// NewTracing makes the provider as OpenTelemetry's standard environment variables say: where to
// (OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, over HTTP), which traces are kept
// (OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG) and the rest. Without an endpoint nothing is recorded; spans still
// have ids then, so that the events of one request name one trace. It does not wait for the collector.
func NewTracing(ctx context.Context, cfg TracingConfig) (*Tracing, error) {
	wanted, err := exporting()
	if err != nil {
		return nil, err
	}
	if !wanted {
		return &Tracing{sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))}, nil
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("telemetry: tracing: %w", err)
	}
	return newTracing(ctx, cfg, exporter)
}

// exporting tells whether the environment names a collector that can be served.
func exporting() (bool, error) {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") ||
		cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT")) == "" {
		return false, nil
	}
	switch name := os.Getenv("OTEL_TRACES_EXPORTER"); name {
	case "none":
		return false, nil
	case "", "otlp":
	default:
		return false, fmt.Errorf("telemetry: OTEL_TRACES_EXPORTER=%s: only otlp and none are there", name)
	}
	if p := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf"); p != "http/protobuf" {
		return false, fmt.Errorf("telemetry: OTEL_EXPORTER_OTLP_PROTOCOL=%s: only http/protobuf is there", p)
	}
	return true, nil
}

func newTracing(ctx context.Context, cfg TracingConfig, exporter sdktrace.SpanExporter) (*Tracing, error) {
	res, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", cfg.Service), attribute.String("service.version", cfg.Version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("telemetry: tracing: %w", err)
	}
	return &Tracing{sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(res))}, nil
}

// Tracer is for a part of the program: "http", "commands", "eventstore", "projections".
func (t *Tracing) Tracer(part string) trace.Tracer { return t.provider.Tracer(Namespace + "/" + part) }

// Close sends what is buffered, until ctx ends.
func (t *Tracing) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }
