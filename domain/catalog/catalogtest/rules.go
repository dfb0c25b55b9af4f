package catalogtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"zhiping/domain/catalog"
)

// Changes are fields to set in a form, by module.
type Changes map[string]map[string]any

// keepingRule is what a form must have for a rule that asks for less than the most, which is what forms have by default.
func keepingRule(key string) Changes {
	return map[string]Changes{
		"intermediate_title":          {"current_title": {"level": "中级"}},
		"school_level_not_below":      {"current_title": {"level": "中级"}},
		"level_held":                  {"current_title": {"level": "副高级"}},
		"school_level_held":           {"current_title": {"level": "中级"}},
		"school_senior_held":          {"current_title": {"level": "副高级"}},
		"service_years_possible":      {"basic": {"workStart": "1990-07"}},
		"intermediate_years_possible": {"service_3010": {"intermediateYears": 10}},
	}[key]
}

// BreakingRule is what to change in a valid form so that it breaks one rule at a cut-off date. It knows each rule of the
// library, since nobody can work out from a condition what breaks it; ok is false for a rule that it does not know.
func BreakingRule(key string, cutOff time.Time) (c Changes, ok bool) {
	if c, ok = late()[key]; ok {
		return c, ok
	}
	sameYear := map[string]any{"year": cutOff.Year() - 1, "grade": "合格"}
	failed := entries(map[string]any{"year": cutOff.Year() - 2, "grade": "合格"}, map[string]any{"year": cutOff.Year() - 1, "grade": "不合格"})
	c, ok = map[string]Changes{
		"account_name":                {"basic": {"name": "王大明"}},
		"account_number":              {"basic": {"idNumber": person(9)}},
		"id_matches_birth":            {"basic": {"birth": "1970-01-01"}},
		"id_matches_sex":              {"basic": {"sex": "女"}},
		"no_failed_assessment":        {"assessment": failed},
		"assessment_years":            {"assessment": entries(sameYear, sameYear, sameYear)},
		"service_30":                  {"service_3010": {"years": 29}},
		"service_10":                  {"service_3010": {"intermediateYears": 9}},
		"service_years_possible":      {"service_3010": {"years": 60}},
		"intermediate_years_possible": {"service_3010": {"intermediateYears": 60}},
		"intermediate_title":          {"current_title": {"level": "副高级"}},
		"executive_position":          {"enterprise": {"position": "其他高管"}},
		"education_order":             {"education": entries(schooling("2010-09", "2006-07"))},
		"employment_order":            {"employment": entries(work("2010-09", "2010-08"))},
		"series_title":                {"application": {"title": "副教授"}},
		"series_title_health":         {"application": {"series": "卫生技术", "title": "教授"}},
		"level_not_below":             {"application": {"level": "助理级", "title": "助教"}},
		"school_level_not_below":      {"school_application": {"title": "二级教师"}},
		"level_held":                  {"application": {"level": "副高级", "title": "副教授"}},
		"school_level_held":           {"school_application": {"title": "一级教师"}},
		"school_senior_held":          {"current_title": {"level": "正高级"}},
		"level_skipped":               {"current_title": {"level": "中级"}},
		"school_level_skipped":        {"current_title": {"level": "员级"}},
		"title_years":                 {"current_title": {"obtained": cutOff.AddDate(-1, 0, 0).Format(time.DateOnly)}},
		"work_start_age":              {"basic": {"workStart": "1985-01"}},
		"employment_age":              {"employment": entries(work("1985-01", "1986-01"))},
		"education_age":               {"education": entries(schooling("1980-09", "1985-07"))},
		"title_age":                   {"current_title": {"obtained": "1990-01-01"}},
		"assessment_recent":           {"assessment": entries(map[string]any{"year": cutOff.Year() - 9, "grade": "合格"})},
		"continuing_recent":           {"continuing": entries(map[string]any{"year": cutOff.Year() - 9, "hours": 90})},
		"continuing_hours":            {"continuing": entries(map[string]any{"year": cutOff.Year() - 1, "hours": 0})},
		"in_establishment":            {"post": {"inEstablishment": false}},
		"establishment_employment":    {"basic": {"employment": "合同"}},
		"full_senior_title":           {"current_title": {"level": "副高级"}},
		"term_order":                  {"term": {"to": "1999-01-01"}},
	}[key]
	return c, ok
}

// late are forms with a date that lies after every cut-off date.
func late() map[string]Changes {
	const month, day = "2999-01", "2999-01-01"
	return map[string]Changes{
		"work_start_before_cutoff":        {"basic": {"workStart": month}},
		"education_before_cutoff":         {"education": entries(schooling("2018-09", month))},
		"employment_before_cutoff":        {"employment": entries(work(month, ""))},
		"title_before_cutoff":             {"current_title": {"obtained": day}},
		"appointed_before_cutoff":         {"current_title": {"appointed": day}},
		"assessment_before_cutoff":        {"assessment": entries(map[string]any{"year": 2100, "grade": "合格"})},
		"continuing_before_cutoff":        {"continuing": entries(map[string]any{"year": 2100, "hours": 90})},
		"qualifications_before_cutoff":    {"qualifications": entries(map[string]any{"name": "资格", "number": "1", "issuer": "机关", "date": day})},
		"papers_before_cutoff":            {"papers": entries(map[string]any{"title": "论文", "journal": "学报", "published": month, "order": 1})},
		"books_before_cutoff":             {"books": entries(map[string]any{"title": "著作", "publisher": "出版社", "published": month, "order": 1})},
		"projects_before_cutoff":          {"projects": entries(map[string]any{"name": "项目", "funder": "省厅", "level": "省部级", "rank": 1, "date": month})},
		"awards_before_cutoff":            {"awards": entries(map[string]any{"name": "奖", "body": "省厅", "level": "省部级", "date": month})},
		"patents_before_cutoff":           {"patents": entries(map[string]any{"kind": "发明专利", "name": "专利", "rank": 1, "date": month})},
		"civil_transfer_before_cutoff":    {"civil_service": {"left": day}},
		"military_transfer_before_cutoff": {"military_service": {"left": day}},
		"grassroots_before_cutoff":        {"grassroots_graduate": {"since": day}},
		"skill_before_cutoff":             {"skills": {"obtained": day}},
		"full_senior_before_cutoff":       {"post": {"fullSeniorSince": day}},
		"post_before_cutoff":              {"post": {"appointed": day}},
		"term_before_cutoff":              {"term": {"to": day}},
	}
}

func entries(rows ...map[string]any) map[string]any { return map[string]any{"entries": rows} }

func schooling(from, to string) map[string]any {
	return map[string]any{"from": from, "to": to, "school": "示范大学", "major": "数学", "education": "大学本科", "degree": "学士"}
}

func work(from, to string) map[string]any {
	return map[string]any{"from": from, "to": to, "employer": "示范大学", "duty": "教学"}
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
		"experts_not_account":      {{}, {"name": Applicant().Name, "unit": unit}},
		"experts_not_both_of_unit": {{"unit": unit}, {"unit": unit + "计算机学院"}},
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
