package catalog_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/catalog/catalogtest"
)

// hostile is what people send who mean no good, and what broken clients send.
var hostile = []string{
	``, `null`, `[]`, `""`, `{}`, `{"":""}`, `{"entries":null}`, `{"entries":[null,{},[],"x",1e30,-0.0]}`, `{"name":"\ud800"}`, "{\"name\":\"\xff\"}",
	`{"x":[[[1e5]]]}`, `{"years":1e30}`, `{"years":-1e-30}`, `{"a~/b":{"c%20":1}}`, `{"entries":{"0":{"year":1}}}`, `{"name":{"name":{}}}`,
	strings.Repeat(`[`, 10_000), strings.Repeat(`{"a":`, 15) + `1` + strings.Repeat(`}`, 15), `{"idNumber":"22010219750101001x"}`,
}

// pointed are the places that a fault may name.
var pointed = regexp.MustCompile(`^(/([^/~]|~0|~1)*)*$`)

// Whatever is entered for whatever type: nothing breaks, what was refused on saving blocks submission too, and each
// fault says where and why in both languages.
func FuzzValidate(f *testing.F) {
	all := load(f)
	var checkers []*catalog.Checker
	var forms []catalog.Form
	seeded := map[string]bool{} // types share modules; each seed is run before anything is fuzzed
	for _, l := range all.Lines() {
		for _, ref := range l.Types {
			d, _ := all.Definition(ref.Key)
			c, err := catalog.Compile(d)
			if err != nil {
				f.Fatal(err)
			}
			typ := uint8(len(checkers)) //nolint:gosec // there are fifteen
			checkers = append(checkers, c)
			forms = append(forms, catalogtest.Whole(d, true))
			for i, m := range d.Modules {
				if !seeded[m.Key] {
					seeded[m.Key] = true
					f.Add(typ, uint8(i), []byte(forms[typ].Modules[m.Key])) //nolint:gosec // modules are few
				}
			}
			if d.Recommender != nil && !seeded["recommenders"] {
				seeded["recommenders"] = true
				f.Add(typ, uint8(len(d.Modules)), []byte(catalogtest.RecommenderData(d, 0))) //nolint:gosec // modules are few
			}
		}
	}
	for i, data := range hostile {
		f.Add(uint8(i), uint8(i), []byte(data)) //nolint:gosec // they are few
	}
	f.Fuzz(func(t *testing.T, typ, module uint8, data []byte) {
		c, form := checkers[int(typ)%len(checkers)], forms[int(typ)%len(checkers)]
		d := c.Definition()
		if at := int(module) % (len(d.Modules) + 1); at < len(d.Modules) {
			key := d.Modules[at].Key
			form.Modules = cloneWith(form.Modules, key, data)
			blocking(t, d, c.CheckModule(key, data), c.Validate(form))
			return
		}
		if len(form.Recommenders) == 0 {
			return
		}
		form.Recommenders = slices.Clone(form.Recommenders)
		form.Recommenders[0].Data = data
		blocking(t, d, c.CheckRecommender(data), c.Validate(form))
	})
}

func blocking(t *testing.T, d catalog.Definition, saved, submitted []domain.Fault) {
	t.Helper()
	for _, f := range slices.Concat(saved, submitted) {
		explained(t, d, f)
	}
	for _, f := range saved {
		if !slices.ContainsFunc(submitted, func(o domain.Fault) bool { return o.Module == f.Module && o.Field == f.Field && o.Code == f.Code }) {
			t.Fatalf("refused on saving and not on submission: %+v", f)
		}
	}
}

func explained(t *testing.T, d catalog.Definition, f domain.Fault) {
	t.Helper()
	of := f.Module == "recommenders" || slices.ContainsFunc(d.Modules, func(m catalog.Module) bool { return m.Key == f.Module })
	for _, sentence := range []string{f.Message.ZH, f.Message.EN} {
		of = of && sentence != "" && utf8.ValidString(sentence) && !strings.Contains(sentence, "fault.") && len(sentence) < 1000
	}
	if _, err := json.Marshal(f.Inputs); err != nil || !of || f.Code == "" || !pointed.MatchString(f.Field) {
		t.Fatalf("not explained: %+v, inputs %v: %v", f, slices.Collect(maps.Keys(f.Inputs)), err)
	}
}

// A rule that would look at each of eight million pairs of pairs is cut off at its bound, and counts as broken.
func TestTheCostOfARuleIsBounded(t *testing.T) {
	everything := "basic.entries.all(a, basic.entries.all(b, basic.entries.all(c, true)))"
	c, err := catalog.Compile(catalog.Definition{
		Type: "title.regular", Version: 1, Line: "title",
		Modules: []catalog.Module{{Key: "basic", Schema: json.RawMessage(`{"type":"object","properties":{"entries":{"type":"array"}}}`)}},
		Rules:   []catalog.Rule{{Key: "everything", Module: "basic", Expr: everything}},
		Route:   []catalog.Stage{{Key: "committee", Kind: catalog.StageCommittee}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for entries, want := range map[int]int{3: 0, 200: 1} {
		data := `{"entries":[` + strings.TrimSuffix(strings.Repeat("1,", entries), ",") + `]}`
		if faults := c.Validate(catalog.Form{Modules: map[string]json.RawMessage{"basic": json.RawMessage(data)}}); len(faults) != want {
			t.Errorf("%d entries: %v", entries, told(faults))
		}
	}
}
