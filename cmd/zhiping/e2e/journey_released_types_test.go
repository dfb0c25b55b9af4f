package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/domain/catalog"
)

const releasedFolder = "../../../domain/catalog/testdata/released"

// aRelease writes the definitions of an old release as a folder for --catalog, and answers them by type; none where
// nothing was ever released under the number. A folder's own numbers start at 1000.
func aRelease(t *testing.T, version int) (folder string, old map[string]catalog.Definition) {
	t.Helper()
	folder, old = t.TempDir(), map[string]catalog.Definition{}
	parts := map[string]map[string]any{"selfCheck": {}, "modules": {}, "slots": {}, "rules": {}, "recommenders": {}, "stages": {}}
	names, err := filepath.Glob(fmt.Sprintf("%s/*.v%d.json", releasedFolder, version))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var d catalog.Definition
		if err := json.Unmarshal(raw, &d); err != nil {
			t.Fatal(err)
		}
		d.Version = 1000 + version
		old[d.Type] = d
		write(t, folder, d.Type+".yaml", recipeOf(d, parts))
	}
	write(t, folder, "library.yaml", parts)
	return folder, old
}

// recipeOf takes a definition apart. Parts of one release have one content for a key, but for modules that stand in for
// one another, and stages.
func recipeOf(d catalog.Definition, parts map[string]map[string]any) map[string]any {
	r := map[string]any{"type": d.Type, "version": d.Version, "line": d.Line, "name": d.Name, "resubmitTo": d.ResubmitTo}
	lists := map[string][]string{}
	add := func(section, field, key string, part any) {
		parts[section][key] = part
		lists[field] = append(lists[field], key)
	}
	for _, i := range d.SelfCheck {
		add("selfCheck", "selfCheck", i.Key, i)
	}
	for _, m := range d.Modules {
		add("modules", "modules", d.Type+"-"+m.Key, m)
	}
	for _, s := range d.Slots {
		add("slots", "slots", s.Key, s)
	}
	for _, rule := range d.Rules {
		add("rules", "rules", rule.Key, rule)
	}
	for _, st := range d.Route {
		add("stages", "route", d.Type+"-"+st.Key, st)
	}
	for field, keys := range lists {
		r[field] = keys
	}
	if d.Recommender != nil {
		parts["recommenders"][d.Type] = d.Recommender
		r["recommender"] = d.Type
	}
	return r
}

// write writes a file of YAML, which JSON is.
func write(t *testing.T, folder, name string, v any) {
	t.Helper()
	raw, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What was declared under any release of each type is opened, corrected and approved by today's program.
func TestDeclarationsOfEveryReleaseGoOn(t *testing.T) {
	t.Parallel()
	releases := 0
	for version := 1; ; version++ {
		folder, old := aRelease(t, version)
		if len(old) == 0 {
			break
		}
		releases++
		t.Run(fmt.Sprintf("v%d", version), func(t *testing.T) { goesOn(t, folder, old) })
	}
	if now := world.Definition(t, "title.regular").Version; releases < now {
		t.Fatalf("%d releases, of %d", releases, now)
	}
}

func goesOn(t *testing.T, folder string, old map[string]catalog.Definition) {
	data := t.TempDir()
	s := world.Start(t, data, "--demo", "--catalog", folder)
	person, unit := s.As("applicant"), s.As("unit")
	world.Bind(person, unit, world.University)
	ids := map[string]string{}
	for typ, d := range old {
		ids[typ] = world.StartDeclaration(person, d)
		world.FillIn(person, d, ids[typ])
		person.Want(http.StatusOK, "", "POST", "/declarations/"+ids[typ]+"/submit", pledge)
	}
	s.Stop()

	s = world.Start(t, data, "--demo")
	person = s.As("applicant")
	officers := map[string]*world.Caller{
		catalog.StageUnit: s.As("unit"), catalog.StageDepartment: s.As("department"),
		catalog.StageBureau: s.As("bureau"), catalog.StageCommittee: s.As("committee"),
	}
	t.Run("types", func(t *testing.T) {
		for typ, d := range old {
			t.Run(typ, func(t *testing.T) {
				t.Parallel()
				path := "/declarations/" + ids[typ]
				form := person.Want(http.StatusOK, "", "GET", path, nil)
				if !slices.EqualFunc(d.Modules, keys(form.Items("modules")), func(m catalog.Module, k string) bool { return m.Key == k }) {
					t.Fatalf("%v", keys(form.Items("modules")))
				}
				officers[catalog.StageUnit].Want(http.StatusOK, "", "POST", path+"/return", map[string]any{"opinion": "请补充", "modules": []string{"basic"}})
				world.FillIn(person, catalog.Definition{Type: d.Type, Modules: d.Modules[:1], Rules: d.Rules}, ids[typ])
				person.Want(http.StatusOK, "", "POST", path+"/submit", pledge)
				route := demoRoute(d)
				for i, stage := range route {
					verb := "/approve"
					if i == len(route)-1 {
						verb = "/approve-final"
					}
					officers[stage.Kind].Want(http.StatusOK, "", "POST", path+verb, map[string]any{})
				}
			})
		}
	})
	s.Stop()
}
