package telemetry

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLogLinesNameTheirRequest(t *testing.T) {
	type key struct{}
	var out bytes.Buffer
	log := slog.New(LogHandler(slog.NewTextHandler(&out, nil), func(ctx context.Context) string {
		id, _ := ctx.Value(key{}).(string)
		return id
	}))
	tracing, err := NewTracing(t.Context(), TracingConfig{})
	require.NoError(t, err)
	ctx, span := tracing.Tracer("http").Start(context.WithValue(t.Context(), key{}, "request-1"), "x")
	defer span.End()
	log.With("part", "http").InfoContext(ctx, "one")
	require.Contains(t, out.String(), "part=http correlationId=request-1\n", "a trace that is not kept is not named")

	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	tracing, err = NewTracing(t.Context(), TracingConfig{})
	require.NoError(t, err)
	ctx, kept := tracing.Tracer("http").Start(ctx, "y")
	_ = kept
	out.Reset()
	log.WithGroup("g").InfoContext(ctx, "two", "a", 1)
	require.NotContains(t, out.String(), "traceId", "the parent is not kept, so this one is not")
	ctx, _ = tracing.Tracer("http").Start(context.WithValue(context.Background(), key{}, "request-2"), "z")
	log.InfoContext(ctx, "three")
	require.Regexp(t, `msg=three correlationId=request-2 traceId=[0-9a-f]{32}\n`, out.String())

	out.Reset()
	log.Info("four")
	require.NotContains(t, out.String(), "correlationId")
}
