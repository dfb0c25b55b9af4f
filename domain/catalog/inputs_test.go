package catalog_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zhiping/domain/catalog"
	"zhiping/domain/catalog/catalogtest"
)

func TestABrokenRuleQuotesWhatItLookedAt(t *testing.T) {
	c, d := regular(t)
	broken := func(key string) catalog.Form {
		f := catalogtest.Whole(d, true)
		changes, _ := catalogtest.BreakingRule(key, catalogtest.CutOff())
		for module, fields := range changes {
			f.Modules[module] = catalogtest.With(f.Modules[module], fields)
		}
		experts, _ := catalogtest.BreakingExpertRule(d, key)
		for i, fields := range experts {
			f.Recommenders[i].Data = catalogtest.With(f.Recommenders[i].Data, fields)
		}
		return f
	}
	for key, want := range map[string]map[string]any{
		"id_matches_birth":     {"/basic/birth": "1970-01-01", "/basic/bornAt": "1975-01-01"},
		"title_before_cutoff":  {"/current_title/obtained": "2999-01-01", "/cutOff": "2026-12-31"},
		"no_failed_assessment": {"/assessment/entries/1/grade": "不合格", "/assessment/entries/1/year": int64(2025), "/cutOff": "2026-12-31"},
		"assessment_years": {"/assessment/entries/0/year": int64(2025), "/assessment/entries/1/year": int64(2025),
			"/assessment/entries/2/year": int64(2025)},
		"experts_not_applicant":    {"/basic/idNumber": "220102********0014", "/recommenders/1/idNumber": "220102********0014"},
		"account_number":           {"/basic/idNumber": "220102********0196"},
		"account_name":             {"/basic/name": "王大明", "/applicant/name": "王小明"},
		"experts_not_both_of_unit": {"/unit/name": "示范大学", "/recommenders/0/unit": "示范大学", "/recommenders/1/unit": "示范大学计算机学院"},
	} {
		t.Run(key, func(t *testing.T) {
			faults := c.Validate(broken(key))
			if len(faults) == 0 || len(faults) > 1 && key != "assessment_years" || faults[0].Rule != key {
				t.Fatalf("broke %v", told(faults))
			}
			if diff := cmp.Diff(want, faults[0].Inputs); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The cut-off date is a date of the calendar in Beijing, wherever the notice was written and the server stands.
func TestARuleIsJudgedAtTheCutOffDateInBeijing(t *testing.T) {
	c, d := regular(t)
	f := catalogtest.Whole(d, false)
	f.Modules["basic"] = catalogtest.With(f.Modules["basic"], map[string]any{"category": "exceptional", "exceptionalClass": "seniority", "exceptionalBasis": "业绩突出"})
	f.Modules["current_title"] = catalogtest.With(f.Modules["current_title"], map[string]any{"obtained": "2026-06-30"})
	for cutOff, want := range map[string]string{
		"2026-06-30T00:00:00+08:00": "",
		"2026-06-30T23:59:59+08:00": "",
		"2026-06-29T16:00:00Z":      "",
		"2026-06-29T23:00:00-05:00": "",
		"2026-06-29T23:59:59+08:00": "2026-06-29",
		"2026-06-29T15:59:59Z":      "2026-06-29",
	} {
		var err error
		if f.CutOff, err = time.Parse(time.RFC3339, cutOff); err != nil {
			t.Fatal(err)
		}
		faults := c.Validate(f)
		if want == "" {
			if len(faults) > 0 {
				t.Errorf("at %s: %v", cutOff, told(faults))
			}
			continue
		}
		if len(faults) != 1 || faults[0].Rule != "title_before_cutoff" || faults[0].Inputs["/cutOff"] != want {
			t.Errorf("at %s: %+v", cutOff, faults)
		}
	}
}
