package e2e

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/infra/esdbserver"
)

// Two servers with one event store and views of their own: one officer at each passes on another declaration at the
// same moment, for the one place that there is.
func TestTwoServersGiveAUnitsLastPlaceOnce(t *testing.T) {
	events, err := esdbserver.Open(t.Context(), esdbserver.Config{Path: filepath.Join(t.TempDir(), "events"), Addr: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = events.Close(ctx) // which waits for nobody's subscription
	})
	servers := []*world.Server{
		world.Start(t, t.TempDir(), "--demo", "--eventstore", events.ConnectionString()),
		world.Start(t, t.TempDir(), "--demo", "--eventstore", events.ConnectionString()),
	}
	d := world.Definition(t, "grade3.assessment")
	people := []*world.Caller{servers[0].As("applicant"), servers[0].As("applicant2")}
	units := []*world.Caller{servers[0].As("unit"), servers[1].As("unit")}
	department := servers[0].As("department")
	notice := publish(servers[0].As("bureau"), noticeBody(d.Type, map[string]any{"quota": 1}))
	var paths []string
	for _, c := range people {
		world.Bind(c, units[0], world.University)
		path := declare(c, d, notice)
		c.Want(http.StatusOK, "", "POST", path+"/submit", pledge)
		paths = append(paths, path)
	}
	for range 10 {
		answers := make([]world.Answer, len(units))
		var wg sync.WaitGroup
		for i, unit := range units {
			wg.Go(func() {
				for range 10 { // on a loaded machine the views may be behind, which says to ask again
					var err error
					if answers[i], err = unit.Try(t.Context(), "POST", paths[i]+"/approve", map[string]any{}); err != nil {
						t.Error(err)
					}
					if answers[i].Str("code") != "read_model_behind" {
						return
					}
				}
			})
		}
		wg.Wait()
		holder := slices.IndexFunc(answers, func(a world.Answer) bool { return a.Status == http.StatusOK })
		if holder < 0 || answers[1-holder].Status != http.StatusConflict || answers[1-holder].Str("code") != "quota_exhausted" {
			t.Fatalf("two at once for one place: %s\n%s", answers[0].Raw, answers[1].Raw)
		}
		department.Want(http.StatusOK, "", "POST", paths[holder]+"/return", map[string]any{"opinion": "请补充", "modules": []string{"summary"}})
		people[holder].Want(http.StatusOK, "", "POST", paths[holder]+"/submit", pledge)
	}
	for _, s := range servers {
		s.Stop()
	}
}
