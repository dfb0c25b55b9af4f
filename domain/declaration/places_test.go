package declaration_test

import (
	"slices"
	"testing"

	"zhiping/domain/declaration"
)

func TestAPlaceIsTakenByTheUnitAndGivenBackByASubmissionToIt(t *testing.T) {
	unitSecond := submitted(2, "department")
	unitSecond.Route = slices.Clone(route)
	unitSecond.Route[0], unitSecond.Route[1] = route[1], route[0]
	handedIn := events{started, basic, submitted(1, "unit")}
	passedOn := after(handedIn, passed("unit", "department", unit))
	back := after(passedOn, returned("department", dept, "basic"))
	for name, ex := range map[string]struct {
		given events
		want  bool
	}{
		"handed in":                                 {handedIn, false},
		"returned by the unit":                      {after(handedIn, returned("unit", unit, "basic")), false},
		"passed on":                                 {passedOn, true},
		"passed on by the department too":           {after(passedOn, passed("department", "committee", dept)), true},
		"refused above the unit":                    {after(passedOn, declaration.Terminated{Stage: "department", Organization: dept, Opinion: "不符"}), true},
		"returned from above":                       {back, true},
		"and handed in at the unit":                 {after(back, submitted(2, "unit")), false},
		"and handed in behind it":                   {after(back, submitted(2, "department")), true},
		"and handed in before it":                   {after(back, unitSecond), false},
		"handed in behind a unit that never saw it": {events{started, basic, submitted(1, "department")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var s declaration.State
			for _, e := range ex.given {
				s = declaration.Evolve(s, e)
			}
			if s.PassedOn != ex.want {
				t.Fatalf("takes a place: %v", s.PassedOn)
			}
		})
	}
}

func TestOnlyAUnitsApprovalUnderAQuotaTakesAPlace(t *testing.T) {
	limited := with(facts(t), func(f *declaration.Facts) { f.Notice.Bounded = true })
	fold := func(es events) (s declaration.State) {
		for _, e := range es {
			s = declaration.Evolve(s, e)
		}
		return s
	}
	atUnit := fold(events{started, basic, submitted(1, "unit")})
	atDepartment := fold(events{started, basic, submitted(1, "department")})
	if !declaration.TakesPlace(atUnit, limited) || declaration.TakesPlace(atUnit, facts(t)) || declaration.TakesPlace(atDepartment, limited) {
		t.Fatal("not as its name says")
	}
}
