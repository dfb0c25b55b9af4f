package http

import (
	"encoding/json"
	"slices"
	"strings"

	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
)

// private tells whether a field is one by which somebody could be called or impersonated.
func private(p property) bool {
	return slices.Contains([]string{"cn-id", "cn-mobile", "email"}, p.format) || slices.Contains([]string{"certificate", "verification", "number"}, p.key)
}

// public lists what a notice sheet shows of the built-in modules: who, what for, and the achievements. What is not
// listed stays private, so a module or field that somebody adds is closed to the public until its schema says
// `x-public: true`.
var public = map[string][]string{
	"basic":               {"name", "sex", "workStart", "department", "post", "category", "exceptionalClass"},
	"application":         {"level", "series", "speciality", "title", "entrusted"},
	"school_application":  {"stage", "subject", "title"},
	"education":           {"to", "school", "major", "education", "degree"},
	"current_title":       {"none", "title", "level", "speciality", "obtained", "appointed"},
	"papers":              {"title", "journal", "issue", "published", "level", "order"},
	"books":               {"title", "publisher", "published", "words", "order"},
	"projects":            {"name", "funder", "level", "rank", "closed", "date"},
	"awards":              {"name", "body", "level", "grade", "date", "rank"},
	"patents":             {"kind", "name", "date", "rank"},
	"qualifications":      {"name", "issuer", "date"},
	"rural_work":          {"field", "years"},
	"grassroots_graduate": {"degree", "since"},
	"enterprise":          {"name", "position"},
	"service_3010":        {"years", "intermediateYears"},
	"incentive":           {"class", "clause"},
	"skills":              {"occupation", "level", "obtained"},
	"post":                {"fullSeniorSince", "presentGrade", "appointed", "direct"},
	"term":                {"from", "to", "selfRating"},
}

func inPublic(module string, p property) bool {
	return !private(p) && (p.public || slices.Contains(public[module], p.key))
}

// secrets are the identity and phone numbers of everybody in the declaration: they are struck out of other fields too,
// where people write them although nobody asked.
func secrets(def catalog.Definition, st declaration.State) []string {
	var out []string
	collect := func(schema, data json.RawMessage) {
		values := map[string]any{}
		_ = json.Unmarshal(data, &values) // what was never saved has none
		out = append(out, numbers(schema, values)...)
	}
	for _, m := range def.Modules {
		collect(m.Schema, st.Modules[m.Key])
	}
	if def.Recommender != nil {
		for _, r := range st.Recommenders {
			collect(def.Recommender.Schema, r.Data)
		}
	}
	return out
}

// numbers are the values of private formats, in tables too.
func numbers(schema json.RawMessage, values map[string]any) (out []string) {
	for _, p := range properties(schema, "") {
		if v, ok := values[p.key].(string); ok && v != "" && p.format != "" && private(p) {
			out = append(out, v)
		}
		rows, _ := values[p.key].([]any)
		for _, row := range rows {
			if m, ok := row.(map[string]any); ok {
				out = append(out, numbers(p.items, m)...)
			}
		}
	}
	return out
}

func without(s PrintedSection, secrets []string) PrintedSection {
	var pairs []string
	for _, v := range secrets {
		pairs = append(pairs, v, "***", strings.ToLower(v), "***", strings.ToUpper(v), "***")
	}
	strike := strings.NewReplacer(pairs...)
	for i := range s.Fields {
		s.Fields[i].Value = strike.Replace(s.Fields[i].Value)
	}
	for _, t := range s.Tables {
		for _, row := range t.Rows {
			for i := range row {
				row[i] = strike.Replace(row[i])
			}
		}
	}
	return s
}
