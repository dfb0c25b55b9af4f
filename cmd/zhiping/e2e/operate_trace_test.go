package e2e

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"zhiping/cmd/zhiping/e2e/world"
)

// spans is an OTLP collector that keeps what it gets.
type spans struct {
	mu  sync.Mutex
	all []*tracepb.Span
}

func (c *spans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var export collector.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &export) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, res := range export.ResourceSpans {
		for _, scope := range res.ScopeSpans {
			c.all = append(c.all, scope.Spans...)
		}
	}
}

// trace is what came of one trace, by name.
func (c *spans) trace(id string) map[string]*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]*tracepb.Span{}
	for _, s := range c.all {
		if hex.EncodeToString(s.TraceId) == id {
			out[s.Name] = s
		}
	}
	return out
}

// find waits for a span with this name.
func (c *spans) find(s *world.Server, name string) (found *tracepb.Span) {
	s.T.Helper()
	s.Eventually("exported "+name, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		i := slices.IndexFunc(c.all, func(s *tracepb.Span) bool { return s.Name == name })
		if i >= 0 {
			found = c.all[i]
		}
		return i >= 0
	})
	return found
}

// One trace leads from the request over command and append to the commit of the views, in the caller's trace where
// there is one.
func TestOneTraceFromTheRequestToTheCommit(t *testing.T) {
	c := &spans{}
	collecting := httptest.NewServer(c)
	t.Cleanup(collecting.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collecting.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
	s := world.Start(t, t.TempDir(), "--demo")
	person, unit := s.As("applicant"), s.As("unit")

	const caller, callerTrace = "00f067aa0ba902b7", "4bf92f3577b34da6a3ce929d0e0e4736"
	person.Want(http.StatusCreated, "", "POST", "/bindings", map[string]any{"uscc": world.University},
		"traceparent", "00-"+callerTrace+"-"+caller+"-01", "Idempotency-Key", "bind-1")
	checkTrace(s, c, callerTrace, caller, "POST /api/v1/bindings", "command BindUnit", "project BindingRequested")

	if told := s.As("analyst").Want(http.StatusOK, "", "GET", "/events?types=BindingRequested", nil); !strings.Contains(string(told.Raw), `"traceparent":"00-`+callerTrace+"-") {
		t.Fatalf("the event feed does not lead to the trace: %s", told.Raw)
	}

	// Nobody began this one, so the request does.
	me := person.Want(http.StatusOK, "", "GET", "/me", nil).Str("id")
	unit.Want(http.StatusOK, "", "POST", "/bindings/"+me+"/approve", map[string]any{}, "traceparent", "no such thing", "Idempotency-Key", "approve-1")
	request := c.find(s, "POST /api/v1/bindings/:applicantId/approve")
	checkTrace(s, c, hex.EncodeToString(request.TraceId), "", request.Name, "command ApproveBinding", "project BindingApproved")

	// A caller that does not keep its trace keeps ours from being kept.
	person.Want(http.StatusOK, "", "DELETE", "/bindings/current", nil, "traceparent", "00-"+callerTrace[1:]+"1-"+caller+"-00")
	person.Want(http.StatusNotFound, "", "GET", "/notices/00000000-0000-4000-8000-000000000001", nil)
	c.find(s, "GET /api/v1/notices/:id")
	if kept := c.trace(callerTrace[1:] + "1"); len(kept) > 0 {
		t.Fatalf("%v", kept)
	}
	s.Stop()
}

// checkTrace waits for a trace of a command and insists on its shape.
func checkTrace(s *world.Server, c *spans, trace, caller, request, command, project string) {
	s.T.Helper()
	steps := []string{"load binding", "decide", "append", project}
	var got map[string]*tracepb.Span
	s.Eventually("exported the whole trace", func() bool {
		got = c.trace(trace)
		return !slices.ContainsFunc(append(steps, request, command), func(name string) bool { return got[name] == nil })
	})
	parent := func(name string) string { return hex.EncodeToString(got[name].ParentSpanId) }
	id := func(name string) string { return hex.EncodeToString(got[name].SpanId) }
	if parent(request) != caller || got[request].Kind != tracepb.Span_SPAN_KIND_SERVER {
		s.T.Fatalf("the request is below %q: %v", parent(request), got[request])
	}
	if parent(command) != id(request) {
		s.T.Fatalf("the command is below %q", parent(command))
	}
	for _, step := range steps {
		if parent(step) != id(command) {
			s.T.Fatalf("%s is below %q, want the command %q", step, parent(step), id(command))
		}
	}
	if got[project].EndTimeUnixNano < got["append"].StartTimeUnixNano {
		s.T.Fatal("committed before anything was appended")
	}
}
