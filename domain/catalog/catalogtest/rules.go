package catalogtest

import (
	"encoding/json"
	"fmt"
	"maps"

	"zhiping/domain/catalog"
)

// Changes are fields to set in a form, by module.
type Changes map[string]map[string]any

// BreakingRule is what to change in a valid form so that it breaks one rule. It knows each rule of the library, since
// nobody can work out from a condition what breaks it; ok is false for a rule that it does not know.
func BreakingRule(key string) (c Changes, ok bool) {
	sameYear := map[string]any{"year": 2020, "grade": "合格"}
	c, ok = map[string]Changes{
		"id_matches_birth":     {"basic": {"birth": "1970-01-01"}},
		"title_before_cutoff":  {"current_title": {"obtained": "2999-01-01"}},
		"no_failed_assessment": {"assessment": {"entries": failed()}},
		"assessment_years":     {"assessment": {"entries": []any{sameYear, sameYear, sameYear}}},
		"service_30":           {"service_3010": {"years": 29}},
		"service_10":           {"service_3010": {"intermediateYears": 9}},
		"executive_position":   {"enterprise": {"position": "其他高管"}},
		"education_order": {"education": {"entries": []any{map[string]any{"from": "2010-09", "to": "2006-07", "school": "示范大学",
			"major": "数学", "education": "大学本科", "degree": "学士"}}}},
		"employment_order": {"employment": {"entries": []any{map[string]any{"from": "2010-09", "to": "2010-08", "employer": "示范大学",
			"duty": "教学"}}}},
		"series_title":     {"application": {"title": "副教授"}},
		"in_establishment": {"post": {"inEstablishment": false}},
		"term_order":       {"term": {"to": "1999-01-01"}},
	}[key]
	return c, ok
}

func failed() (entries []any) {
	for i, grade := range []string{"合格", "不合格", "优秀"} {
		entries = append(entries, map[string]any{"year": 2020 + i, "grade": grade})
	}
	return entries
}

// BreakingExpertRule is what to change in the data of the recommenders, by their number from 0, so that one rule on
// them is broken.
func BreakingExpertRule(d catalog.Definition, key string) (c []map[string]any, ok bool) {
	first := map[string]any{}
	if err := json.Unmarshal(RecommenderData(d, 0), &first); err != nil {
		panic(fmt.Sprintf("catalogtest: a recommender of %s: %v", d.Type, err))
	}
	unit := Whole(d, false).Unit.ZH
	c, ok = map[string][]map[string]any{
		"experts_distinct":         {{}, {"idNumber": first["idNumber"]}},
		"experts_senior":           {{"titleLevel": "副高级"}, {}},
		"experts_not_applicant":    {{}, {"idNumber": Applicant().IDNumber}},
		"experts_not_both_of_unit": {{"unit": unit}, {"unit": unit}},
		"experts_subject":          {{}, {"speciality": "完全无关"}},
		"experts_speciality":       {{}, {"speciality": "完全无关"}},
	}[key]
	return c, ok
}

// With is a module's data with fields set.
func With(data json.RawMessage, fields map[string]any) json.RawMessage {
	m := map[string]any{}
	if err := json.Unmarshal(data, &m); err != nil {
		panic(fmt.Sprintf("catalogtest: %v", err))
	}
	maps.Copy(m, fields)
	return encode(m)
}
