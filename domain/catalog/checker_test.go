package catalog_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/catalog/catalogtest"
	"zhiping/domain/text"
)

func regular(t testing.TB) (*catalog.Checker, catalog.Definition) {
	t.Helper()
	d, _ := load(t).Definition("title.regular")
	c, err := catalog.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return c, d
}

// told is what the faults say, as module, field and code.
func told(faults []domain.Fault) (out []string) {
	for _, f := range faults {
		out = append(out, strings.TrimSuffix(f.Module+f.Field+" "+f.Slot+" "+f.Code+" "+f.Rule, " "))
	}
	return out
}

func TestWhatADraftIsRefusedFor(t *testing.T) {
	c, _ := regular(t)
	for name, ex := range map[string]struct {
		data string
		want string
	}{
		"an unfinished form is no fault":    {`{}`, ""},
		"a blank field is not filled in":    {`{"phone":"  ","birth":""}`, ""},
		"a wrong type":                      {`{"name":5}`, "type"},
		"an identity number that cannot be": {`{"idNumber":"220102190101010014"}`, "format_cn_id"},
		"a phone number of ten digits":      {`{"phone":"1380000000"}`, "format_cn_mobile"},
		"a date that does not exist":        {`{"birth":"1980-02-30"}`, "format_date"},
		"a month that does not exist":       {`{"workStart":"2001-13"}`, "format_year_month"},
		"a choice that is none":             {`{"sex":"未知"}`, "choice"},
		"a name of 51 characters":           {`{"name":"` + strings.Repeat("长", 51) + `"}`, "max_length"},
		"a field that is not there":         {`{"salary":1}`, "unknown_field"},
		"a NUL character":                   {`{"name":"a\u0000b"}`, "control_characters"},
		"a field that is there twice":       {`{"name":"甲","name":"乙"}`, "repeated_member"},
		"a number with a billion digits":    {`{"name":1e999999999}`, "number_too_large"},
		"a list":                            {`[]`, "not_object"},
		"two values":                        {`{} {}`, "not_json"},
		"half a value":                      {`{"name":`, "not_json"},
		"a nest of a hundred objects":       {strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100), "too_deep"},
		"half a million values":             {`{"entries":[` + strings.Repeat("1,", 200_000) + `1]}`, "too_many_values"},
		"a hundred thousand fields":         {manyFields(100_000), "too_many_bytes"},
		"a field's name of a megabyte":      {`{"` + strings.Repeat("n", 1<<20-10) + `":1}`, "too_long"},
		"a thousand fields":                 {manyFields(1000), "too_many_values"},
	} {
		t.Run(name, func(t *testing.T) {
			faults := c.CheckModule("basic", json.RawMessage(ex.data))
			if ex.want == "" {
				if len(faults) > 0 {
					t.Fatal(told(faults))
				}
				return
			}
			if len(faults) != 1 || faults[0].Code != ex.want || faults[0].Module != "basic" || faults[0].Message.ZH == "" {
				t.Fatalf("%v, want %s", told(faults), ex.want)
			}
		})
	}
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"field%d":1`, i)
	}
	return "{" + b.String()[1:] + "}"
}

// changed is a whole form with one module's fields changed; nil takes a field away.
func changed(t testing.TB, form catalog.Form, module string, fields map[string]any) catalog.Form {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal(form.Modules[module], &m); err != nil {
		t.Fatal(err)
	}
	for k, v := range fields {
		if m[k] = v; v == nil {
			delete(m, k)
		}
	}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	form.Modules = cloneWith(form.Modules, module, raw)
	return form
}

func cloneWith(m map[string]json.RawMessage, key string, raw json.RawMessage) map[string]json.RawMessage {
	out := map[string]json.RawMessage{key: raw}
	for k, v := range m {
		if k != key {
			out[k] = v
		}
	}
	return out
}

func expert(t testing.TB, data json.RawMessage, fields map[string]any) json.RawMessage {
	return changed(t, catalog.Form{Modules: map[string]json.RawMessage{"x": data}}, "x", fields).Modules["x"]
}

func TestRulesOfTheRegularDeclaration(t *testing.T) {
	c, d := regular(t)
	whole, experts := catalogtest.Whole(d, false), catalogtest.Whole(d, true)
	with := func(change func(*catalog.Form)) catalog.Form {
		f := experts
		f.Recommenders = slices.Clone(experts.Recommenders)
		change(&f)
		return f
	}
	var applicantID struct{ IDNumber string }
	if err := json.Unmarshal(experts.Modules["basic"], &applicantID); err != nil {
		t.Fatal(err)
	}
	for name, ex := range map[string]struct {
		form catalog.Form
		want []string
	}{
		"a whole form":                   {whole, nil},
		"a whole form with two experts":  {experts, nil},
		"a birth date that differs":      {changed(t, whole, "basic", map[string]any{"birth": "1970-01-01"}), []string{"basic/birth  rule id_matches_birth"}},
		"破格 without its class":           {changed(t, whole, "basic", map[string]any{"category": "exceptional", "exceptionalClass": nil, "exceptionalBasis": nil}), []string{"basic/exceptionalBasis  required", "basic/exceptionalClass  required"}},
		"leaving 破格 asks for no experts": {changed(t, experts, "basic", map[string]any{"category": "normal", "exceptionalClass": nil, "exceptionalBasis": nil}), nil},
		"one expert of two":              {with(func(f *catalog.Form) { f.Recommenders = f.Recommenders[:1] }), []string{"recommenders  recommender_count"}},
		"the same expert twice":          {with(func(f *catalog.Form) { f.Recommenders[1].Data = f.Recommenders[0].Data }), []string{"recommenders/idNumber  rule experts_distinct", "recommenders/idNumber  rule experts_distinct"}},
		"an associate-senior expert": {with(func(f *catalog.Form) {
			f.Recommenders[0].Data = expert(t, f.Recommenders[0].Data, map[string]any{"titleLevel": "副高级"})
		}), []string{"recommenders/titleLevel  rule experts_senior"}},
		"the applicant as expert, with a small x": {with(func(f *catalog.Form) {
			f.Recommenders[0].Data = expert(t, f.Recommenders[0].Data, map[string]any{"idNumber": strings.ToLower(applicantID.IDNumber)})
		}), []string{"recommenders/idNumber  rule experts_not_applicant"}},
		"an expert without an opinion": {with(func(f *catalog.Form) {
			f.Recommenders[0].Data = expert(t, f.Recommenders[0].Data, map[string]any{"opinion": nil})
		}), []string{"recommenders/opinion  required"}},
		"an expert of another field": {with(func(f *catalog.Form) {
			f.Recommenders[0].Data = expert(t, f.Recommenders[0].Data, map[string]any{"speciality": "完全无关"})
		}), nil}, // offices decide
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(ex.want, told(c.Validate(ex.form))); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAModuleThatWasNeverSavedAndAFileThatIsNotThere(t *testing.T) {
	c, d := regular(t)
	f := catalogtest.Whole(d, false)
	delete(f.Modules, "summary")
	f.Files = slices.DeleteFunc(f.Files, func(f catalog.File) bool { return f.Slot == "photo" })
	want := []string{"basic photo slot_missing", "summary  module_missing"}
	if diff := cmp.Diff(want, told(c.Validate(f))); diff != "" {
		t.Fatal(diff)
	}
}

func saying(zh, en string) text.Text { return text.Text{ZH: zh, EN: en} }
