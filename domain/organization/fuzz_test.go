package organization_test

import (
	"strings"
	"testing"
	"unicode"

	"zhiping/domain/organization"
)

// What an admin types becomes an id and a name that fit a path, a stream and a page.
func FuzzCreate(f *testing.F) {
	f.Add("edu", "省教育厅", "department")
	f.Add("../x", "a\u202eb", "unit")
	f.Add("12220000127701509T", " ", "unit")
	f.Fuzz(func(t *testing.T, id, name, kind string) {
		events, err := organization.Decide(organization.State{}, organization.Facts{ID: id, ParentKind: organization.KindDepartment},
			organization.Create{Name: name, Kind: organization.Kind(kind), Parent: "p"})
		if err != nil {
			return
		}
		made := events[0].(organization.Created)
		if made.ID != id || strings.ContainsAny(id, "/.%? \\") || len(id) > organization.MaxIDBytes {
			t.Fatalf("id %q", id)
		}
		if made.Name == "" || strings.ContainsFunc(made.Name, unicode.IsControl) {
			t.Fatalf("name %q", made.Name)
		}
	})
}
