package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/infra/telemetry"
)

var metricName = regexp.MustCompile(`\b(zhiping|go|process)_[a-z_0-9]+`)

// Whatever the dashboard shows, a node has figures of after a few requests.
func TestEveryPanelOfTheDashboardIsFed(t *testing.T) {
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(telemetry.Dashboard, &board); err != nil {
		t.Fatal(err)
	}
	s := world.Start(t, t.TempDir(), "--demo")
	person := s.As("applicant")
	world.Bind(person, s.As("unit"), world.University)
	person.Want(http.StatusConflict, "already_bound", "POST", "/bindings", map[string]any{"uscc": world.University})
	person.Want(http.StatusOK, "", "GET", "/bindings/current", nil)
	shown := 0
	s.Eventually("every panel is fed", func() bool {
		served := figures(t, s)
		shown = 0
		for _, p := range board.Panels {
			for _, target := range p.Targets {
				for _, name := range metricName.FindAllString(target.Expr, -1) {
					if !served[name] {
						t.Logf("%s waits for %s", p.Title, name)
						return false
					}
					shown++
				}
			}
		}
		return true
	})
	if shown < 30 {
		t.Fatalf("only %d figures are shown", shown)
	}
	if body := scrape(t, s); !strings.Contains(body, `route="/api/v1/bindings/:applicantId/approve"`) {
		t.Fatal("requests are not counted by their route's pattern")
	}
	s.Stop()
}

func scrape(t *testing.T, s *world.Server) string {
	t.Helper()
	res, err := http.Get(s.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// figures are the names that have a sample.
func figures(t *testing.T, s *world.Server) map[string]bool {
	t.Helper()
	served := map[string]bool{}
	for line := range strings.Lines(scrape(t, s)) {
		if !strings.HasPrefix(line, "#") {
			served[metricName.FindString(line)] = true
		}
	}
	return served
}
