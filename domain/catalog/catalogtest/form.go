// Package catalogtest makes forms for tests out of a definition alone: valid ones, and ones with a single known
// fault. It knows the schemas' vocabulary and common field names but no declaration type, so a new type needs
// nothing here. It imports domain/catalog and the standard library.
package catalogtest

import (
	"encoding/json"
	"fmt"
	"time"

	"zhiping/domain/catalog"
	"zhiping/domain/text"
)

// Applicant is the person that generated forms are of.
func Applicant() catalog.Person {
	return catalog.Person{ID: "applicant", Name: "王小明", IDNumber: person(0)}
}

// CutOff is a qualification cut-off date that generated forms are valid for.
func CutOff() time.Time { return time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC) }

// Form is valid data for every module, by module key: every field is filled in, as a normal declaration.
func Form(d catalog.Definition) map[string]json.RawMessage {
	form := make(map[string]json.RawMessage, len(d.Modules))
	for _, m := range d.Modules {
		schema := parse(m.Schema)
		data := object(schema, 0)
		if condition, names := schema.forbidden(); matches(condition, data) {
			for _, name := range names {
				delete(data, name)
			}
		}
		form[m.Key] = encode(data)
	}
	for _, r := range d.Rules {
		for module, fields := range keepingRule(r.Key) {
			if data, ok := form[module]; ok {
				form[module] = With(data, fields)
			}
		}
	}
	return form
}

// ByExperts turns a form into a declaration by exceptional route with two recommending experts, where the
// definition knows that route; the answer is false where it does not.
func ByExperts(d catalog.Definition, form map[string]json.RawMessage) bool {
	if d.Recommender == nil || form["basic"] == nil {
		return false
	}
	basic := map[string]any{}
	if err := json.Unmarshal(form["basic"], &basic); err != nil {
		panic(fmt.Sprintf("catalogtest: basic of %s: %v", d.Type, err))
	}
	basic["category"], basic["exceptionalClass"], basic["exceptionalBasis"] = "exceptional", "two_experts", "两名专家推荐"
	form["basic"] = encode(basic)
	return true
}

// RecommenderData is valid data of the i-th recommender, from 0; each is another person. It is nil where the
// definition has no recommenders.
func RecommenderData(d catalog.Definition, i int) json.RawMessage {
	if d.Recommender == nil {
		return nil
	}
	return encode(object(parse(d.Recommender.Schema), i+1))
}

// Whole is a form that nothing keeps from being submitted: modules, every required file and, by experts, the
// recommenders with theirs.
func Whole(d catalog.Definition, byExperts bool) catalog.Form {
	f := catalog.Form{
		Modules:   Form(d),
		Applicant: Applicant(),
		Unit:      text.Same("示范大学"),
		UnitID:    "12220000127701509T",
		CutOff:    CutOff(),
	}
	if byExperts && ByExperts(d, f.Modules) {
		for i := range d.Recommender.Count {
			f.Recommenders = append(f.Recommenders, catalog.RecommenderData{ID: fmt.Sprintf("r%d", i), Data: RecommenderData(d, i)})
		}
	}
	f.Files = Files(d, f)
	return f
}

// Files are one file for each slot that the form may have to fill. Slots with a condition are filled too: a file
// more never blocks a submission.
func Files(d catalog.Definition, f catalog.Form) []catalog.File {
	var files []catalog.File
	for _, s := range d.Slots {
		if !s.Required {
			continue
		}
		if s.Module != "recommenders" {
			files = append(files, catalog.File{ID: s.Key, Slot: s.Key})
			continue
		}
		for _, r := range f.Recommenders {
			files = append(files, catalog.File{ID: s.Key + "-" + r.ID, Slot: s.Key, Recommender: r.ID})
		}
	}
	return files
}

func encode(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("catalogtest: %v", err)) // only maps, lists, strings and numbers are ever made
	}
	return data
}
