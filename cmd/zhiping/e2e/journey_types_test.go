package e2e

import (
	"net/http"
	"slices"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
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
	s := world.Start(t, t.TempDir(), "--demo")
	person := s.As("applicant")
	officers := map[string]*world.Caller{
		catalog.StageUnit: s.As("unit"), catalog.StageDepartment: s.As("department"),
		catalog.StageBureau: s.As("bureau"), catalog.StageCommittee: s.As("committee"),
	}
	world.Bind(person, officers[catalog.StageUnit], world.University)
	everyType(t, func(t *testing.T, d catalog.Definition) {
		id := world.StartDeclaration(person, d)
		path := "/declarations/" + id
		world.FillIn(person, d, id)
		person.Want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true})
		printedDocuments(t, person, path, d)
		position := ""
		route := demoRoute(d)
		for i, stage := range route {
			verb := "/approve"
			if i == len(route)-1 {
				verb = "/approve-final"
			}
			done := officers[stage.Kind].Want(http.StatusOK, "", "POST", path+verb, map[string]any{"stage": stage.Key})
			position = done.Header.Get("X-Position")
		}
		final := person.Want(http.StatusOK, "", "GET", path, nil, "Accept-Language", "en", "X-After-Position", position)
		if final.Str("status") != "approved" || final.Str("statusText") != "Finally approved" {
			t.Fatalf("%s %s", final.Str("status"), final.Str("statusText"))
		}
	})
}
