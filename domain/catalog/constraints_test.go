package catalog_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"zhiping/domain/catalog"
	"zhiping/domain/catalog/catalogtest"
)

// constraints are what the definitions must ask for, written down a second time: tests that derive what is wrong from
// a schema cannot notice what the schema no longer says.
type constraints struct {
	Modules map[string]map[string]string // fields of each module, by what a type calls it in the library
	Slots   map[string]string
	Types   map[string]struct {
		Modules, Rules, Slots, Experts []string
		Expert                         string // the module table of a recommender
	}
}

func tested[T any](t *testing.T, name string) (v T) {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err == nil {
		err = yaml.UnmarshalWithOptions(raw, &v, yaml.Strict())
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNoConstraintGetsLost(t *testing.T) {
	want := tested[constraints](t, "constraints.yaml")
	c := load(t)
	types := 0
	for _, l := range c.Lines() {
		for _, ref := range l.Types {
			d, _ := c.Definition(ref.Key)
			w := want.Types[d.Type]
			types++
			compare := func(what string, want, got any) {
				t.Helper()
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: %s (-want +got):\n%s", d.Type, what, diff)
				}
			}
			if len(d.Modules) != len(w.Modules) {
				t.Fatalf("%s has %d modules", d.Type, len(d.Modules))
			}
			for i, m := range d.Modules {
				table, mark := strings.CutSuffix(w.Modules[i], "*")
				if m.Required != mark {
					t.Errorf("%s: module %s is required: %v", d.Type, m.Key, m.Required)
				}
				compare("module "+m.Key, want.Modules[table], fieldsOf(t, m.Schema))
			}
			var rules, slots []string
			for _, r := range d.Rules {
				rules = append(rules, r.Key)
			}
			for _, s := range d.Slots {
				slots = append(slots, s.Key)
				compare("slot "+s.Key, want.Slots[s.Key], limits(s))
			}
			slices.Sort(rules)
			slices.Sort(slots)
			compare("rules", slices.Sorted(slices.Values(w.Rules)), rules)
			compare("slots", slices.Sorted(slices.Values(w.Slots)), slots)
			compare("experts", w.Experts, experts(d.Recommender))
			if d.Recommender != nil {
				compare("an expert", want.Modules[w.Expert], fieldsOf(t, d.Recommender.Schema))
			}
		}
	}
	if types != 15 || len(want.Types) != 15 {
		t.Fatalf("%d types, %d expected", types, len(want.Types))
	}
}

// experts are how many recommenders a type asks for, and by which rules.
func experts(r *catalog.Recommender) (out []string) {
	if r == nil {
		return nil
	}
	out = append(out, strconv.Itoa(r.Count))
	for _, rule := range r.Rules {
		out = append(out, rule.Key)
	}
	return out
}

// fieldsOf tells in a line what a schema asks of each field; a star is what must be filled in, a dot leads into rows.
func fieldsOf(t *testing.T, schema json.RawMessage) map[string]string {
	t.Helper()
	var s map[string]any
	if err := json.Unmarshal(schema, &s); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	describe(s, "", out)
	return out
}

func describe(s map[string]any, prefix string, out map[string]string) {
	required, _ := s["required"].([]any)
	props, _ := s["properties"].(map[string]any)
	for name, p := range props {
		field, _ := p.(map[string]any)
		line := []string{fmt.Sprint(field["type"])}
		if slices.Contains(required, any(name)) {
			line[0] = "* " + line[0]
		}
		for _, k := range []string{"format", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "enum", "pattern"} {
			if v, ok := field[k]; ok {
				line = append(line, strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%s %v", k, plainly(v)), "format "), " "))
			}
		}
		out[prefix+name] = strings.Join(line, ", ")
		if items, ok := field["items"].(map[string]any); ok {
			describe(items, prefix+name+".", out)
		}
	}
	if s["additionalProperties"] != false {
		out[prefix+"…"] = "other fields too"
	}
	if condition, ok := s["if"]; ok {
		asked, _ := s["then"].(map[string]any)
		raw, _ := json.Marshal(condition)
		out[prefix+"if "+string(raw)] = fmt.Sprint(asked["required"])
	}
}

func plainly(v any) any {
	switch v := v.(type) {
	case float64:
		return int(v)
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, fmt.Sprint(e))
		}
		return strings.Join(all, " ")
	}
	return v
}

// limits tells in a line what a slot takes.
func limits(s catalog.Slot) string {
	line := []string{s.Module, fmt.Sprintf("%d bytes", s.MaxBytes), fmt.Sprintf("%d files", s.MaxFiles), strings.Join(s.Types, " ")}
	for _, p := range s.Pixels {
		line = append(line, fmt.Sprintf("%d×%d", p.Width, p.Height))
	}
	if s.Required {
		line = append(line, strings.TrimSpace("required "+map[bool]string{true: "on a condition"}[s.When != ""]))
	}
	return strings.Join(line, ", ")
}

// example is a form that differs from a whole one, with what the data check says of it.
type example struct {
	Name    string
	Type    string
	Exp     bool                      `yaml:"byExperts"`
	CutOff  string                    `yaml:"cutOff"`
	Set     map[string]map[string]any // fields by module; nil takes one away
	Only    map[string]map[string]any // a module's whole data
	Experts []map[string]any
	Without []string // slots without a file
	Account map[string]string
	Want    []string
	Warn    []string // what offices are told
}

// The people who must get through, and those who must not.
func TestWhoGetsThrough(t *testing.T) {
	c := load(t)
	for _, ex := range tested[[]example](t, "examples.yaml") {
		t.Run(ex.Type+": "+ex.Name, func(t *testing.T) {
			d, _ := c.Definition(ex.Type)
			checker, err := catalog.Compile(d)
			if err != nil {
				t.Fatal(err)
			}
			f := formOf(t, d, ex)
			if diff := cmp.Diff(ex.Want, told(checker.Validate(f))); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(ex.Warn, told(checker.Warnings(f))); diff != "" {
				t.Fatalf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

func formOf(t *testing.T, d catalog.Definition, ex example) catalog.Form {
	t.Helper()
	f := catalogtest.Whole(d, ex.Exp)
	f.Applicant = catalog.Person{ID: "applicant", Name: "王小明", IDNumber: ex.Account["idNumber"]}
	if name := ex.Account["name"]; name != "" {
		f.Applicant.Name = name
	}
	for _, module := range slices.Sorted(maps.Keys(ex.Set)) {
		f = changed(t, f, module, ex.Set[module])
	}
	for module, data := range ex.Only {
		raw, err := json.Marshal(data)
		if err != nil {
			t.Fatal(err)
		}
		f.Modules = cloneWith(f.Modules, module, raw)
	}
	for i, fields := range ex.Experts {
		f.Recommenders[i].Data = expert(t, f.Recommenders[i].Data, fields)
	}
	f.Files = slices.DeleteFunc(f.Files, func(file catalog.File) bool { return slices.Contains(ex.Without, file.Slot) })
	if ex.CutOff != "" {
		var err error
		if f.CutOff, err = time.Parse(time.RFC3339, ex.CutOff); err != nil {
			t.Fatal(err)
		}
	}
	return f
}
