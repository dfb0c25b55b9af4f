package catalog_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"zhiping/domain/catalog"
)

// released is a file of the definitions that are built in, with texts replaced.
func released(t *testing.T, name string, replace ...string) *fstest.MapFile {
	t.Helper()
	raw, err := os.ReadFile("definitions/" + name)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer(replace...).Replace(string(raw))
	if len(replace) > 0 && changed == string(raw) {
		t.Fatalf("%s does not have %q", name, replace[0])
	}
	return &fstest.MapFile{Data: []byte(changed)}
}

func TestAFolderOfDefinitionsReplacesAndAdds(t *testing.T) {
	_, err := catalog.Load(fstest.MapFS{
		"library.yaml":           {Data: []byte("modules:\n  summary:\n    name: {zh: 个人总结, en: Summary}\n    required: true\n    schema: {type: object, properties: {words: {type: string, title: 总结}}}\n")},
		"grade3.assessment.yaml": released(t, "grade3.assessment.yaml", "version: 4", "version: 1000", ", patents", ""),
		"grade2.assessment.yaml": released(t, "grade2.assessment.yaml"), // unchanged, except for what it takes from the library
	})
	if err == nil || !strings.Contains(err.Error(), "grade2.assessment.yaml:2: version 4") {
		t.Fatalf("the same version with another summary: %v", err)
	}
	c, err := catalog.Load(fstest.MapFS{
		"grade3.assessment.yaml": released(t, "grade3.assessment.yaml", "version: 4", "version: 1000", ", patents", "", ", patent_proof", ""),
		"grade2.assessment.yaml": released(t, "grade2.assessment.yaml"),
	})
	if err != nil {
		t.Fatal(err)
	}
	d, _ := c.Definition("grade3.assessment")
	other, _ := c.Definition("grade2.assessment")
	if d.Version != 1000 || len(d.Modules) != len(other.Modules)-1 || other.Version == 1000 || len(c.Lines()) != 5 {
		t.Fatalf("v%d with %d modules, v%d with %d", d.Version, len(d.Modules), other.Version, len(other.Modules))
	}
}

func TestARouteMaySkipALevel(t *testing.T) {
	_, err := catalog.Load(fstest.MapFS{
		"grade3.assessment.yaml": released(t, "grade3.assessment.yaml", "version: 4", "version: 1000", "department, local_panel", "department, education_above_2, local_panel"),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFaultyFolderNamesFileAndLine(t *testing.T) {
	type files = fstest.MapFS
	grade3 := func(replace ...string) files {
		return files{"grade3.assessment.yaml": released(t, "grade3.assessment.yaml", append([]string{"version: 4", "version: 1000"}, replace...)...)}
	}
	library := func(text string) files {
		f := grade3()
		f["library.yaml"] = &fstest.MapFile{Data: []byte(text)}
		return f
	}
	levels := func(route, text string) files {
		f := grade3("department, local_panel", route+"local_panel")
		f["library.yaml"] = &fstest.MapFile{Data: []byte("stages:\n" + text)}
		return f
	}
	const first, again = "grade3.assessment.yaml:9: a route's first department", "  second: {kind: department, name: {zh: 甲, en: A}, above: "
	only := func(text string) files { return files{"library.yaml": {Data: []byte(text)}} }
	for name, ex := range map[string]struct {
		files files
		want  string // file, line, and what is wrong
	}{
		"no YAML":                       {grade3("line: grade3-assessment", "line: [grade3"), "grade3.assessment.yaml:"},
		"a member nobody knows":         {grade3("selfCheck:", "selfChecks:"), `grade3.assessment.yaml:5: unknown field "selfChecks"`},
		"a list that is a word":         {grade3("route: [rating, department, local_panel]", "route: unit"), "grade3.assessment.yaml:9: "},
		"a version that is a word":      {files{"grade3.assessment.yaml": released(t, "grade3.assessment.yaml", "version: 4", "version: new")}, "grade3.assessment.yaml:2: "},
		"a member twice":                {grade3("route:", "rules: []\nroute:"), "grade3.assessment.yaml:9: "},
		"a module that is not there":    {grade3("[basic_plain,", "[basics,"), `grade3.assessment.yaml:6: the library has no "basics" among its modules`},
		"a module twice":                {grade3("[basic_plain,", "[basic_plain, summary,"), `grade3.assessment.yaml:6: "summary" is there twice`},
		"a route without an end":        {grade3(", local_panel", ""), "grade3.assessment.yaml:9: a route"},
		"a unit's stage of another key": {library("stages:\n  rating: {kind: unit, name: {zh: 自评, en: Rating}}\n"), "grade3.assessment.yaml:9: a route"},
		"a first department above":      {levels("department, ", "  department: {kind: department, name: {zh: 甲, en: A}, above: 1}\n"), first},
		"a level twice":                 {levels("department, education_above, second, ", again+"1}\n"), first},
		"the unit's department twice":   {levels("department, second, ", again+"0}\n"), first},
		"a level down":                  {levels("department, education_above_2, second, ", again+"1}\n"), first},
		"a level below the unit's":      {levels("department, second, ", again+"-1}\n"), first},
		"a level of the unit":           {levels("department, ", "  rating: {key: unit, kind: unit, name: {zh: 甲, en: A}, above: 1}\n"), first},
		"a level that is a word":        {levels("department, second, ", again+"city}\n"), "library.yaml:2: "},
		"a level that nobody knows":     {levels("department, second, ", "  second: {kind: department, name: {zh: 甲, en: A}, below: 1}\n"), `library.yaml:2: unknown field "below"`},
		"a file of another type":        {files{"grade9.assessment.yaml": released(t, "grade3.assessment.yaml")}, "grade9.assessment.yaml:1: this file is of the type"},
		"a file of no type":             {files{"notes.txt": {}}, "notes.txt: neither library.yaml nor"},
		"a type that no line lists":     {files{"special.new.yaml": released(t, "grade3.assessment.yaml", "type: grade3.assessment", "type: special.new")}, "special.new.yaml: the line grade3-assessment does not list this type; see library.yaml:"},
		"the same version, changed":     {files{"grade3.assessment.yaml": released(t, "grade3.assessment.yaml", ", advised", "")}, "grade3.assessment.yaml:2: version 4 of grade3.assessment is another definition"},
		"a schema that is none":         {library("modules:\n  other: {name: {zh: 甲, en: A}, schema: {}}\n  term:\n    name: {zh: 聘期, en: Term}\n    schema: {type: strin}\n"), "library.yaml:3: modules term: "},
		"a rule that does not parse":    {library("rules:\n\n  term_order: {module: term, expr: 'term.to >'}\n"), "library.yaml:3: rules term_order: "},
		"a rule on nothing":             {library("rules:\n  term_order: {module: term, expr: 'terms.to > 1'}\n"), "library.yaml:2: rules term_order: "},
		"a rule that answers a number":  {library("rules:\n  term_order: {module: term, expr: '1 + 1'}\n"), "library.yaml:2: rules term_order: 1 + 1: answers int, not yes or no"},
		"a slot of no module":           {library("slots:\n  photo: {module: selfies}\n"), "library.yaml:2: slots photo: no module selfies"},
		"a rule of experts":             {recommending(t), "library.yaml:2: recommenders recommenders: "},
		"a lower version, changed":      {files{"grade3.assessment.yaml": released(t, "grade3.assessment.yaml", "version: 4", "version: 1", ", advised", "")}, "grade3.assessment.yaml:2: version 1 of grade3.assessment is below the program's, 4, and another definition"},
		"a changed part by itself":      {only("selfCheck:\n  single: {text: {zh: 甲, en: A}}\n"), "library.yaml:2: selfCheck single: this changes types that have no file here with a higher version: title.regular (version 4), title.school-associate (version 4), title.school-senior (version 4)"},
		"a rule that no type uses":      {only("rules:\n  other: {module: term, expr: 'term.to >'}\n"), "library.yaml:2: rules other: "},
		"a module that no type uses":    {only("modules:\n  other: {name: {zh: 甲, en: A}, schema: {type: strin}}\n"), "library.yaml:2: modules other: "},
		"a slot that no type uses":      {only("slots:\n  other: {module: term, when: 'term.to >'}\n"), "library.yaml:2: slots other: "},
		"experts that no type uses":     {only("recommenders:\n  other: {when: 'nobody.knows', schema: {}}\n"), "library.yaml:2: recommenders recommenders: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := catalog.Load(ex.files)
			if err == nil || !strings.HasPrefix(err.Error(), ex.want) {
				t.Fatalf("%v, want %s", err, ex.want)
			}
		})
	}
}

func recommending(t *testing.T) fstest.MapFS {
	return fstest.MapFS{
		"title.regular.yaml": released(t, "title.regular.yaml", "version: 4", "version: 1000"),
		"library.yaml":       {Data: []byte("recommenders:\n  two_experts:\n    when: 'true'\n    count: 2\n    schema: {type: object}\n    rules:\n      - {key: x, module: recommenders, expr: 'nobody.knows'}\n")},
	}
}

func TestEveryFaultOfAFolderIsToldAtOnce(t *testing.T) {
	_, err := catalog.Load(fstest.MapFS{
		"grade3.assessment.yaml": released(t, "grade3.assessment.yaml", "basic_plain", "basics", "rules: []", "rules: [term_ordered]"),
		"grade2.assessment.yaml": released(t, "grade2.assessment.yaml", "rating", "grading"),
	})
	for _, want := range []string{"grade3.assessment.yaml:6:", "grade3.assessment.yaml:8:", "grade2.assessment.yaml:9:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
}

// A part that is written anew changes every type that uses it. It is never passed over, and never reaches a type
// without a higher version.
func TestAChangedPartReachesEveryTypeOrIsRefused(t *testing.T) {
	title := "slots:\n  term_proof: {name: {zh: 考核材料, en: Proof}, module: term, required: true, types: [application/pdf], maxBytes: 1000, maxFiles: 1}\n"
	folder := fstest.MapFS{"library.yaml": {Data: []byte(title)}}
	const refusal = "library.yaml:2: slots term_proof: this changes types that have no file here with a higher version: "
	for _, typ := range []string{"grade2.assessment", "grade3.assessment"} {
		if _, err := catalog.Load(folder); err == nil || !strings.Contains(err.Error(), refusal) || !strings.Contains(err.Error(), typ+" (version ") {
			t.Fatalf("%v", err)
		}
		folder[typ+".yaml"] = released(t, typ+".yaml", "version: 4", "version: 1000")
	}
	c, err := catalog.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []string{"grade2.assessment", "grade3.assessment"} {
		d, _ := c.Definition(typ)
		if i := slices.IndexFunc(d.Slots, func(s catalog.Slot) bool { return s.Key == "term_proof" }); d.Version != 1000 || d.Slots[i].MaxBytes != 1000 {
			t.Errorf("%s v%d", typ, d.Version)
		}
	}
	// A fault in a part that only the program's own types use is told too, with its own line.
	_, err = catalog.Load(fstest.MapFS{"library.yaml": {Data: []byte("rules:\n\n  service_30: {module: service_3010, expr: 'years >= 30'}\n")}})
	for _, want := range []string{"library.yaml:3: rules service_30: years >= 30", "library.yaml:3: rules service_30: this changes types"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
}

func TestACopyOfOursChangesNothing(t *testing.T) {
	c, err := catalog.Load(fstest.MapFS{
		"library.yaml":           released(t, "library.yaml"),
		"grade3.assessment.yaml": released(t, "grade3.assessment.yaml", "version: 4", "version: 1"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if d, _ := c.Definition("grade3.assessment"); d.Version == 1 {
		t.Fatal("an older number took the place of the newer")
	}
}
