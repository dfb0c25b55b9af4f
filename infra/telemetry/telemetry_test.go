package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/projections"
)

// used feeds every figure, since a vector without values is not served.
func used() *Metrics {
	m := NewMetrics()
	m.Request("GET", "/api/notices/:id", 200, time.Millisecond)
	m.InFlight(1)
	m.Command(context.Background(), commands.Report{Command: "SubmitDeclaration", Events: 1, Conflicts: 2, Duration: time.Millisecond})
	m.EventStore().Append(time.Millisecond, nil)
	m.EventStore().Reconnect("commands", errors.New("gone"))
	p := m.Projector()
	p.Committed(projections.Commit{
		Pipeline: "live", Events: 3, Oldest: time.Now().Add(-time.Minute),
		Views: []projections.CommitView{{Name: "history", Version: 1, Events: 2, Documents: 1, Checkpoint: 42}},
	})
	p.Failed("commit", errors.New("away"))
	p.Parked("history", 1, 1)
	p.Backlog("live", 0, false)
	_, _ = m.Middleware(func(*message.Message) ([]*message.Message, error) { return nil, nil })(message.NewMessage("1", nil))
	return m
}

func TestEveryFigureOfTheDashboardExists(t *testing.T) {
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(Dashboard, &board))
	rec := httptest.NewRecorder()
	used().Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	body, err := io.ReadAll(rec.Result().Body)
	require.NoError(t, err)
	served := map[string]bool{}
	for line := range strings.Lines(string(body)) {
		if !strings.HasPrefix(line, "#") {
			served[regexp.MustCompile(`^[a-z_0-9]+`).FindString(line)] = true
		}
	}
	names := regexp.MustCompile(`\b(zhiping|go|process)_[a-z_0-9]+`)
	shown := map[string]bool{}
	require.NotEmpty(t, board.Panels)
	for _, p := range board.Panels {
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			found := names.FindAllString(target.Expr, -1)
			require.NotEmpty(t, found, target.Expr)
			for _, name := range found {
				require.True(t, served[name], "%s asks for %s", p.Title, name)
				shown[strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count")] = true
			}
		}
	}
	for name := range served {
		name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count"), "_sum")
		if strings.HasPrefix(name, "zhiping_") {
			require.True(t, shown[name], "no panel shows %s", name)
		}
	}
}

func TestLagIsZeroOnceCaughtUp(t *testing.T) {
	m := NewMetrics()
	p := m.Projector()
	p.Committed(projections.Commit{Pipeline: "live", Oldest: time.Now().Add(-time.Hour), Views: []projections.CommitView{{Name: "v", Version: 2}}})
	require.Greater(t, testutil.ToFloat64(m.lagSeconds.WithLabelValues("v", "2")), 3599.0)
	p.Backlog("live", 5, true)
	require.Greater(t, testutil.ToFloat64(m.lagSeconds.WithLabelValues("v", "2")), 3599.0)
	p.Backlog("live", 0, true)
	require.Zero(t, testutil.ToFloat64(m.lagSeconds.WithLabelValues("v", "2")))
	require.Equal(t, 1.0, testutil.ToFloat64(m.live.WithLabelValues("live")))
}

func TestOutcomesAreFew(t *testing.T) {
	for want, err := range map[string]error{
		"ok": nil, "error": errors.New("x"), "conflict": commands.ErrConflict, "cancelled": context.Canceled,
		"unavailable": commands.ErrStoreUnavailable, "not_found": domain.ErrNotFound,
	} {
		require.Equal(t, want, outcome(err))
	}
}

func TestTwoProgramsInOneProcessDoNotMeet(t *testing.T) {
	a, b := NewMetrics(), NewMetrics()
	a.Request("GET", "/", 200, time.Second)
	require.Equal(t, 1, testutil.CollectAndCount(a.httpSeconds))
	require.Zero(t, testutil.CollectAndCount(b.httpSeconds))
}

func TestTheEnvironmentSaysWhatIsTraced(t *testing.T) {
	for _, ex := range []struct {
		name    string
		env     map[string]string
		sampled bool
		fails   string
	}{
		{name: "nothing without a collector"},
		{name: "everything with one", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, sampled: true},
		{name: "nothing when switched off", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}},
		{name: "nothing when no exporter is wanted", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"}},
		{name: "none of the traces", env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}},
		{name: "what is not there", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, fails: "only http/protobuf"},
		{name: "who is not there", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "zipkin"}, fails: "only otlp"},
	} {
		t.Run(ex.name, func(t *testing.T) {
			for k, v := range ex.env {
				t.Setenv(k, v)
			}
			tracing, err := NewTracing(t.Context(), TracingConfig{Service: "zhiping"})
			if ex.fails != "" {
				require.ErrorContains(t, err, ex.fails)
				return
			}
			require.NoError(t, err)
			_, span := tracing.Tracer("http").Start(t.Context(), "POST /declarations")
			require.True(t, span.SpanContext().IsValid(), "spans have ids whether or not they are kept")
			require.Equal(t, ex.sampled, span.SpanContext().IsSampled())
			// The span does not end: there is no collector to wait for.
			require.NoError(t, tracing.Close(t.Context()))
		})
	}
}

func TestTracesNameTheProgram(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
	spans := tracetest.NewInMemoryExporter()
	tracing, err := newTracing(t.Context(), TracingConfig{Service: "zhiping", Version: "1"}, spans)
	require.NoError(t, err)
	_, span := tracing.Tracer("http").Start(t.Context(), "x")
	span.End()
	require.NoError(t, tracing.provider.ForceFlush(t.Context()))
	found := map[string]string{}
	for _, kv := range spans.GetSpans()[0].Resource.Attributes() {
		found[string(kv.Key)] = kv.Value.AsString()
	}
	require.Equal(t, "zhiping", found["service.name"])
	require.Equal(t, "test", found["deployment.environment"])
	require.NoError(t, tracing.Close(t.Context()))
}
