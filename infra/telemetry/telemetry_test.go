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

func TestATraceparentCarriesATraceOn(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	tracing := newTracing(TracingConfig{Service: "zhiping"}, spans)
	ctx, request := tracing.Tracer("http").Start(t.Context(), "POST /api/declarations")
	header := Traceparent(ctx)
	require.NotEmpty(t, header)
	_, projected := tracing.Tracer("projections").Start(WithTraceparent(context.Background(), header), "project")
	require.Equal(t, request.SpanContext().TraceID(), projected.SpanContext().TraceID())
	projected.End()
	request.End()
	require.NoError(t, tracing.Close(t.Context()))

	require.Empty(t, Traceparent(t.Context()))
	none, err := NewTracing(t.Context(), TracingConfig{})
	require.NoError(t, err)
	_, span := none.Tracer("http").Start(t.Context(), "x")
	require.False(t, span.IsRecording())
	require.NoError(t, none.Close(t.Context()))
}
