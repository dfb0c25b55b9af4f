package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// The figures of a notice follow what happens to its declarations.
func TestStatisticsOfANotice(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--demo")
	d := definitionOf(t, "title.regular")
	person, other, unit, department := s.as("applicant"), s.as("applicant2"), s.as("unit"), s.as("department")
	analyst := s.as("analyst")
	path := "/stats/notices/" + openNotice(analyst, d.Type)
	figures := func() (statuses, stages, returns string) {
		t.Helper()
		a := analyst.want(http.StatusOK, "", "GET", path, nil)
		if a.body["total"] == nil || a.header.Get("X-Position") == "" || a.header.Get("ETag") == "" {
			t.Fatalf("%s %v", a.raw, a.header)
		}
		analyst.want(http.StatusNotModified, "", "GET", path, nil, "If-None-Match", a.header.Get("ETag"))
		for _, st := range a.items("statuses") {
			if st["count"] != 0.0 {
				statuses += fmt.Sprint(st["status"], ":", st["count"], " ")
			}
		}
		for _, st := range a.items("stages") {
			_, median := st["medianSeconds"].(float64)
			_, p90 := st["p90Seconds"].(float64)
			if median != (st["decided"] != 0.0) || p90 != median {
				t.Fatalf("%v", st)
			}
			stages += fmt.Sprint(st["stage"], ":", st["count"], "/", st["decided"], " ")
		}
		for _, m := range a.items("modules") {
			if m["returns"] != 0.0 {
				returns += fmt.Sprint(m["module"], ":", m["returns"], " ")
			}
		}
		return statuses, stages, returns
	}
	expect := func(statuses, stages, returns string) {
		t.Helper()
		a, b, c := figures()
		if strings.TrimSpace(a) != statuses || strings.TrimSpace(b) != stages || strings.TrimSpace(c) != returns {
			t.Fatalf("%q %q %q, want %q %q %q", a, b, c, statuses, stages, returns)
		}
	}
	expect("", "unit:0/0 department:0/0 bureau:0/0 committee:0/0", "")

	bind(person, unit, university)
	bind(other, unit, university)
	id := begin(person, d)
	begin(other, d)
	complete(person, d, id)
	submit := func() {
		person.want(http.StatusOK, "", "POST", "/declarations/"+id+"/submit", map[string]any{"commitment": true})
	}
	submit()
	expect("draft:1 submitted:1", "unit:1/0 department:0/0 bureau:0/0 committee:0/0", "")
	person.want(http.StatusOK, "", "POST", "/declarations/"+id+"/withdraw", map[string]any{})
	expect("draft:1 withdrawn:1", "unit:0/0 department:0/0 bureau:0/0 committee:0/0", "")
	submit()
	unit.want(http.StatusOK, "", "POST", "/declarations/"+id+"/return", map[string]any{"opinion": "请更正", "modules": []string{"basic"}})
	expect("draft:1 returned:1", "unit:0/1 department:0/0 bureau:0/0 committee:0/0", "basic:1")
	submit()
	unit.want(http.StatusOK, "", "POST", "/declarations/"+id+"/approve", map[string]any{})
	department.want(http.StatusOK, "", "POST", "/declarations/"+id+"/terminate", map[string]any{"opinion": "不符合条件"})
	expect("draft:1 terminated:1", "unit:0/2 department:0/1 bureau:0/0 committee:0/0", "basic:1")

	person.want(http.StatusForbidden, "", "GET", path, nil)
	analyst.want(http.StatusNotFound, "", "GET", "/stats/notices/00000000-0000-4000-8000-000000000001", nil)
	if a := analyst.want(http.StatusOK, "", "GET", path, nil, "Accept-Language", "en"); a.items("statuses")[0]["statusText"] != "Draft" {
		t.Fatalf("%s", a.raw)
	}
	s.stop()
}
