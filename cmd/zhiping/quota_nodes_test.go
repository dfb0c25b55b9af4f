package main

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
	servers := []*server{
		start(t, t.TempDir(), "--demo", "--eventstore", events.ConnectionString()),
		start(t, t.TempDir(), "--demo", "--eventstore", events.ConnectionString()),
	}
	d := definitionOf(t, "grade3.assessment")
	people := []*caller{servers[0].as("applicant"), servers[0].as("applicant2")}
	units := []*caller{servers[0].as("unit"), servers[1].as("unit")}
	department := servers[0].as("department")
	notice := publish(servers[0].as("bureau"), noticeBody(d.Type, map[string]any{"quota": 1}))
	var paths []string
	for _, c := range people {
		bind(c, units[0], university)
		path := declare(c, d, notice)
		c.want(http.StatusOK, "", "POST", path+"/submit", pledge)
		paths = append(paths, path)
	}
	for range 10 {
		answers := make([]answer, len(units))
		var wg sync.WaitGroup
		for i, unit := range units {
			wg.Go(func() {
				for range 10 { // on a loaded machine the views may be behind, which says to ask again
					var err error
					if answers[i], err = unit.try(t.Context(), "POST", paths[i]+"/approve", map[string]any{}); err != nil {
						t.Error(err)
					}
					if answers[i].str("code") != "read_model_behind" {
						return
					}
				}
			})
		}
		wg.Wait()
		holder := slices.IndexFunc(answers, func(a answer) bool { return a.status == http.StatusOK })
		if holder < 0 || answers[1-holder].status != http.StatusConflict || answers[1-holder].str("code") != "quota_exhausted" {
			t.Fatalf("two at once for one place: %s\n%s", answers[0].raw, answers[1].raw)
		}
		department.want(http.StatusOK, "", "POST", paths[holder]+"/return", map[string]any{"opinion": "请补充", "modules": []string{"summary"}})
		people[holder].want(http.StatusOK, "", "POST", paths[holder]+"/submit", pledge)
	}
	for _, s := range servers {
		s.stop()
	}
}
