package main

import (
	"net/http"
	"slices"
	"testing"

	"zhiping/domain/catalog"
)

// demoRoute is the way of a declaration in the demo, whose department has none above it.
func demoRoute(d catalog.Definition) []catalog.Stage {
	return slices.DeleteFunc(slices.Clone(d.Route), func(st catalog.Stage) bool { return st.Above > 0 })
}

// Each of the fifteen types of the manual can be declared from the self-check to 终审通过, with its own form, files
// and review route, filled in from its own schemas.
func TestEveryTypeCanBeDeclaredToFinalApproval(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--demo")
	person := s.as("applicant")
	officers := map[string]*caller{
		catalog.StageUnit: s.as("unit"), catalog.StageDepartment: s.as("department"),
		catalog.StageBureau: s.as("bureau"), catalog.StageCommittee: s.as("committee"),
	}
	bind(person, officers[catalog.StageUnit], university)
	everyType(t, func(t *testing.T, d catalog.Definition) {
		id := begin(person, d)
		path := "/declarations/" + id
		complete(person, d, id)
		person.want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true})
		printedDocuments(t, person, path, d)
		position := ""
		route := demoRoute(d)
		for i, stage := range route {
			verb := "/approve"
			if i == len(route)-1 {
				verb = "/approve-final"
			}
			done := officers[stage.Kind].want(http.StatusOK, "", "POST", path+verb, map[string]any{"stage": stage.Key})
			position = done.header.Get("X-Position")
		}
		final := person.want(http.StatusOK, "", "GET", path, nil, "Accept-Language", "en", "X-After-Position", position)
		if final.str("status") != "approved" || final.str("statusText") != "Finally approved" {
			t.Fatalf("%s %s", final.str("status"), final.str("statusText"))
		}
	})
}
