package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
)

// The figures of a notice follow what happens to its declarations.
func TestStatisticsOfANotice(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo")
	d := world.Definition(t, "title.regular")
	person, other, unit, department := s.As("applicant"), s.As("applicant2"), s.As("unit"), s.As("department")
	analyst := s.As("analyst")
	path := "/stats/notices/" + world.OpenNotice(analyst, d.Type)
	figures := func() (statuses, stages, returns string) {
		t.Helper()
		a := analyst.Want(http.StatusOK, "", "GET", path, nil)
		if a.Body["total"] == nil || a.Header.Get("X-Position") == "" || a.Header.Get("ETag") == "" {
			t.Fatalf("%s %v", a.Raw, a.Header)
		}
		analyst.Want(http.StatusNotModified, "", "GET", path, nil, "If-None-Match", a.Header.Get("ETag"))
		for _, st := range a.Items("statuses") {
			if st["count"] != 0.0 {
				statuses += fmt.Sprint(st["status"], ":", st["count"], " ")
			}
		}
		for _, st := range a.Items("stages") {
			_, median := st["medianSeconds"].(float64)
			_, p90 := st["p90Seconds"].(float64)
			if median != (st["decided"] != 0.0) || p90 != median {
				t.Fatalf("%v", st)
			}
			stages += fmt.Sprint(st["stage"], ":", st["count"], "/", st["decided"], " ")
		}
		for _, m := range a.Items("modules") {
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

	world.Bind(person, unit, world.University)
	world.Bind(other, unit, world.University)
	id := world.StartDeclaration(person, d)
	world.StartDeclaration(other, d)
	world.FillIn(person, d, id)
	submit := func() {
		person.Want(http.StatusOK, "", "POST", "/declarations/"+id+"/submit", map[string]any{"commitment": true})
	}
	submit()
	expect("draft:1 submitted:1", "unit:1/0 department:0/0 bureau:0/0 committee:0/0", "")
	person.Want(http.StatusOK, "", "POST", "/declarations/"+id+"/withdraw", map[string]any{})
	expect("draft:1 withdrawn:1", "unit:0/0 department:0/0 bureau:0/0 committee:0/0", "")
	submit()
	unit.Want(http.StatusOK, "", "POST", "/declarations/"+id+"/return", map[string]any{"opinion": "请更正", "modules": []string{"basic"}})
	expect("draft:1 returned:1", "unit:0/1 department:0/0 bureau:0/0 committee:0/0", "basic:1")
	submit()
	unit.Want(http.StatusOK, "", "POST", "/declarations/"+id+"/approve", map[string]any{})
	department.Want(http.StatusOK, "", "POST", "/declarations/"+id+"/terminate", map[string]any{"opinion": "不符合条件"})
	expect("draft:1 terminated:1", "unit:0/2 department:0/1 bureau:0/0 committee:0/0", "basic:1")

	person.Want(http.StatusForbidden, "", "GET", path, nil)
	analyst.Want(http.StatusNotFound, "", "GET", "/stats/notices/00000000-0000-4000-8000-000000000001", nil)
	if a := analyst.Want(http.StatusOK, "", "GET", path, nil, "Accept-Language", "en"); a.Items("statuses")[0]["statusText"] != "Draft" {
		t.Fatalf("%s", a.Raw)
	}
	s.Stop()
}
