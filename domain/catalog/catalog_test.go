package catalog_test

import (
	"slices"
	"testing"

	"zhiping/domain/catalog"
)

func load(t testing.TB) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheFifteenTypesOfTheManual(t *testing.T) {
	c := load(t)
	var types []string
	for _, l := range c.Lines() {
		if l.Name.ZH == "" || l.Name.EN == "" {
			t.Errorf("line %s lacks a name", l.Key)
		}
		for _, ref := range l.Types {
			types = append(types, ref.Key)
			d, ok := c.Definition(ref.Key)
			if !ok || d.Line != l.Key || d.Name.ZH == "" || d.Name.EN == "" {
				t.Errorf("%s: %v, line %q, name %+v", ref.Key, ok, d.Line, d.Name)
				continue
			}
			if first, last := d.Route[0], d.Route[len(d.Route)-1]; first.Kind != catalog.StageUnit || last.Kind != catalog.StageCommittee {
				t.Errorf("%s goes from %s to %s", ref.Key, first.Kind, last.Kind)
			}
		}
	}
	want := []string{
		"title.regular", "title.school-senior", "title.school-associate", "special.civil-transfer", "special.military-transfer",
		"special.rural-revitalization", "special.grassroots-graduate", "special.private-executive", "special.grassroots-3010",
		"special.incentive-3", "special.skilled-path", "special.post-grade-3", "grade2.appointment", "grade2.assessment", "grade3.assessment",
	}
	if !slices.Equal(types, want) {
		t.Fatalf("%v", types)
	}
}
