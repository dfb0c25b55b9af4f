package main

import (
	"bytes"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zhiping/domain/catalog/catalogtest"
)

// noticeBody is a notice that is open now, with members changed.
func noticeBody(typ string, changes map[string]any) map[string]any {
	now := time.Now().UTC()
	body := map[string]any{
		"type": typ, "title": "测试通知", "year": now.Year(), "instructions": "按通知要求申报。",
		"opensAt": now.Add(-time.Hour), "closesAt": now.AddDate(0, 1, 0),
		"committee": map[string]any{"id": demoCommittee.ID, "name": demoCommittee.Name},
	}
	maps.Copy(body, changes)
	return body
}

// publish drafts and publishes a notice, and answers its id.
func publish(bureau *caller, body map[string]any) string {
	bureau.s.t.Helper()
	id := bureau.want(http.StatusCreated, "", "POST", "/notices", body).str("id")
	bureau.want(http.StatusOK, "", "POST", "/notices/"+id+"/publish", nil)
	return id
}

func TestTheDataCheckQuotesRuleAndInputToEveryoneAlike(t *testing.T) {
	s := start(t, t.TempDir(), "--demo")
	d := definitionOf(t, "title.regular")
	person, unit, bureau := s.as("applicant"), s.as("unit"), s.as("bureau")
	bind(person, unit, university)
	notice := publish(bureau, noticeBody(d.Type, map[string]any{"cutOff": "2024-12-31T00:00:00Z"}))
	id := person.want(http.StatusCreated, "", "POST", "/declarations", map[string]any{"noticeId": notice, "selfCheck": selfCheck(d)}).str("id")
	path := "/declarations/" + id
	complete(person, d, id)
	person.want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true})
	unit.want(http.StatusOK, "", "POST", path+"/return", map[string]any{"opinion": "请核对取得时间", "modules": []string{"current_title"}})
	title := catalogtest.With(catalogtest.Form(d)["current_title"], map[string]any{"obtained": "2025-01-01"})
	person.want(http.StatusOK, "", "PUT", path+"/modules/current_title", []byte(title))

	// The title was obtained long before today, and after the notice's cut-off date.
	first := person.want(http.StatusOK, "", "GET", path+"/validation", nil)
	want := []map[string]any{{
		"module": "current_title", "field": "/obtained", "rule": "title_before_cutoff", "code": "rule",
		"message": "现任职称取得时间晚于任职资格截止日期",
		"inputs":  map[string]any{"/current_title/obtained": "2025-01-01", "/cutOff": "2024-12-31"},
	}}
	if diff := cmp.Diff(want, first.items("problems")); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	for _, account := range []string{"unit", "department", "bureau", "committee", "auditor"} {
		if a := s.as(account).want(http.StatusOK, "", "GET", path+"/validation", nil); !bytes.Equal(a.raw, first.raw) {
			t.Errorf("%s is told %s, the applicant %s", account, a.raw, first.raw)
		}
	}
	refused := person.want(http.StatusUnprocessableEntity, "invalid", "POST", path+"/submit", map[string]any{"commitment": true})
	if faults := refused.items("errors"); len(faults) != 1 || cmp.Diff(want[0]["inputs"], faults[0]["inputs"]) != "" || faults[0]["rule"] != "title_before_cutoff" {
		t.Fatalf("submission says %s", refused.raw)
	}
	s.stop()
}
