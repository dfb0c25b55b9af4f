package declaration_test

import (
	"slices"
	"testing"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/domain/text"
)

var (
	city     = domain.Organization{ID: "city", Name: "市教育局"}
	province = domain.Organization{ID: "province", Name: "省教育厅"}
	other    = domain.Organization{ID: "other", Name: "另一教育局"}
)

// climbing are facts of a definition whose route goes up to two departments above the unit's own.
func climbing(t testing.TB, above ...domain.Organization) declaration.Facts {
	t.Helper()
	d := checker(t, "returning").Definition()
	d.Route = slices.Insert(slices.Clone(d.Route), 2,
		catalog.Stage{Key: "above", Kind: catalog.StageDepartment, Above: 1, Name: text.Same("上一级")},
		catalog.Stage{Key: "above_2", Kind: catalog.StageDepartment, Above: 2, Name: text.Same("再上一级")})
	c, err := catalog.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return with(facts(t), func(f *declaration.Facts) { f.Checker, f.Above = c, above })
}

// climbed is the submission at a stage, on the way up the departments.
func climbed(round int, stage string, above ...domain.Organization) declaration.Submitted {
	s := submitted(round, stage)
	s.Route = slices.Clone(route)
	for i, o := range above {
		st := []declaration.Stage{{Key: "above", Name: text.Same("上一级")}, {Key: "above_2", Name: text.Same("再上一级")}}[i]
		st.Kind, st.Organization = catalog.StageDepartment, o
		s.Route = slices.Insert(s.Route, 2+i, st)
	}
	return s
}

func TestARouteGoesUpTheUnitsLineOfDepartments(t *testing.T) {
	ready := events{started, basic}
	// Returned by the city, which is one level above the department.
	back := after(ready, climbed(1, "unit", city, province), passed("unit", "department", unit), passed("department", "above", dept), returned("above", city, "basic"))
	atCity := after(ready, climbed(1, "unit", city, province), passed("unit", "department", unit), passed("department", "above", dept))
	as := func(o domain.Organization) declaration.Facts {
		return with(climbing(t), func(f *declaration.Facts) { f.Organization = o })
	}
	run(t, map[string]example{
		"every level is there":                      {Given: ready, Facts: climbing(t, city, province), When: declaration.Submit{Commitment: true}, Then: events{climbed(1, "unit", city, province)}},
		"a shorter line has a stage less":           {Given: ready, Facts: climbing(t, province), When: declaration.Submit{Commitment: true}, Then: events{climbed(1, "unit", province)}},
		"nobody is above":                           {Given: ready, Facts: climbing(t), When: declaration.Submit{Commitment: true}, Then: events{submitted(1, "unit")}},
		"more are above than the route asks for":    {Given: ready, Facts: climbing(t, city, province, other), When: declaration.Submit{Commitment: true}, Then: events{climbed(1, "unit", city, province)}},
		"returning, to the same line":               {Given: back, Facts: climbing(t, city, province), When: declaration.Submit{Commitment: true}, Then: events{climbed(2, "above", city, province)}},
		"returning, when only what is above is new": {Given: back, Facts: climbing(t, city, other), When: declaration.Submit{Commitment: true}, Then: events{climbed(2, "above", city, other)}},
		"returning, to a new department":            {Given: back, Facts: climbing(t, other, province), When: declaration.Submit{Commitment: true}, Then: events{climbed(2, "unit", other, province)}},
		"returning, to a stage that is gone":        {Given: back, Facts: climbing(t), When: declaration.Submit{Commitment: true}, Then: events{submitted(2, "unit")}},
		"the level that it waits at decides":        {Given: atCity, Facts: as(city), When: declaration.ApproveStage{}, Then: events{passed("above", "above_2", city)}},
		"the level below does not":                  {Given: atCity, Facts: as(dept), When: declaration.ApproveStage{}, Err: declaration.ErrWrongStage},
		"nor the level above":                       {Given: atCity, Facts: as(province), When: declaration.ApproveStage{}, Err: declaration.ErrWrongStage},
		"a department that was moved meanwhile":     {Given: atCity, Facts: with(as(city), func(f *declaration.Facts) { f.Above = []domain.Organization{other} }), When: declaration.ApproveStage{}, Then: events{passed("above", "above_2", city)}},
	})
}
