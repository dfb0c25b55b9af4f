package catalog_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
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

// sources are labels of the sources of what a form asks, several where there are several.
var sources = regexp.MustCompile(`^(S|I|U|[OPCNW][0-9]+)(, (S|I|U|[OPCNW][0-9]+))*$`)

func TestEveryFieldHasATitleAndEveryPartASource(t *testing.T) {
	c := load(t)
	for _, l := range c.Lines() {
		for _, ref := range l.Types {
			d, _ := c.Definition(ref.Key)
			rules := slices.Clone(d.Rules)
			if d.Recommender != nil {
				rules = append(rules, d.Recommender.Rules...)
				titled(t, d.Type+" recommenders", d.Recommender.Schema)
			}
			for _, m := range d.Modules {
				titled(t, d.Type+" "+m.Key, m.Schema)
				if !sources.MatchString(m.Source) {
					t.Errorf("%s: module %s is from %q", d.Type, m.Key, m.Source)
				}
			}
			for _, r := range rules {
				if !sources.MatchString(r.Source) || r.Message.ZH == "" || r.Message.EN == "" {
					t.Errorf("%s: rule %s is from %q and says %+v", d.Type, r.Key, r.Source, r.Message)
				}
			}
		}
	}
}

// titled insists on a title in both languages for each field of a schema, and on lists being of objects.
func titled(t *testing.T, where string, schema json.RawMessage) {
	t.Helper()
	var s struct {
		Properties map[string]json.RawMessage
		Items      json.RawMessage
	}
	if err := json.Unmarshal(schema, &s); err != nil {
		t.Fatal(err)
	}
	for name, field := range s.Properties {
		var f struct {
			Type, Title string
			En          string `json:"x-title-en"`
			Source      string `json:"x-source"`
			Items       struct{ Type string }
		}
		if err := json.Unmarshal(field, &f); err != nil {
			t.Fatal(err)
		}
		if f.Title == "" || f.En == "" || f.Source != "" && !sources.MatchString(f.Source) || f.Type == "array" && f.Items.Type != "object" {
			t.Errorf("%s: field %s: %s", where, name, field)
		}
		titled(t, where+"/"+name, field)
	}
	if len(s.Items) > 0 {
		titled(t, where+"/items", s.Items)
	}
}

// A client that knows JSON Schema and nothing of ours gets on with our forms: the dialect is named, numbers have a
// pattern beside their format, and what is chosen in English words has a title for each.
func TestSchemasAreEnoughForAGenericClient(t *testing.T) {
	c := load(t)
	for _, l := range c.Lines() {
		for _, ref := range l.Types {
			d, _ := c.Definition(ref.Key)
			schemas := map[string]json.RawMessage{}
			for _, m := range d.Modules {
				schemas[m.Key] = m.Schema
			}
			if d.Recommender != nil {
				schemas["recommenders"] = d.Recommender.Schema
			}
			for module, raw := range schemas {
				var s map[string]any
				if err := json.Unmarshal(raw, &s); err != nil || s["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
					t.Errorf("%s %s: %v %v", d.Type, module, s["$schema"], err)
				}
				generic(t, d.Type+" "+module, s)
			}
		}
	}
}

var english = regexp.MustCompile(`^[a-z_]{2,}$`)

func generic(t *testing.T, where string, s map[string]any) {
	t.Helper()
	if f, ok := s["format"].(string); ok && f != "date" && s["pattern"] == nil {
		t.Errorf("%s: %s has no pattern", where, f)
	}
	titled := map[any]bool{}
	choices, _ := s["oneOf"].([]any)
	for _, choice := range choices {
		one, _ := choice.(map[string]any)
		titled[one["const"]] = one["title"] != nil
	}
	values, _ := s["enum"].([]any)
	for _, v := range values {
		if word, ok := v.(string); ok && english.MatchString(word) && !titled[v] || choices != nil && !titled[v] || choices != nil && len(choices) != len(values) {
			t.Errorf("%s: %v has no title", where, v)
		}
	}
	for k, v := range s {
		if strings.HasPrefix(k, "x-") && !slices.Contains([]string{"x-title-en", "x-source", "x-public"}, k) {
			t.Errorf("%s: %s: JSON Schema has a keyword for it", where, k)
		}
		if props, ok := v.(map[string]any); ok && k == "properties" {
			for name, sub := range props {
				generic(t, where+"/"+name, sub.(map[string]any))
			}
		} else if items, ok := v.(map[string]any); ok && k == "items" {
			generic(t, where, items)
		}
	}
}
