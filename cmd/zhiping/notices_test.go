package main

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zhiping/domain/catalog"
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
	t.Parallel()
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

// A notice tells beforehand what it asks for, and a bad one is refused with all that is wrong with it.
func TestANoticeTellsItsConditionsAndIsRefusedWithEveryFault(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--demo")
	bureau, person := s.as("bureau"), s.as("applicant")
	d := definitionOf(t, "title.regular")
	for lang, want := range map[string]string{"zh": "推荐专家须具有正高级职称", "en": "Recommenders must hold a full-senior title"} {
		n := person.want(http.StatusOK, "", "GET", "/notices/"+openNotice(person, d.Type), nil, "Accept-Language", lang)
		conditions := n.items("conditions")
		if len(conditions) != len(d.Rules)+len(d.Recommender.Rules) || !slices.ContainsFunc(conditions, func(c map[string]any) bool {
			return c["key"] == "experts_senior" && c["module"] == "recommenders" && c["field"] == "/*/titleLevel" && c["text"] == want
		}) {
			t.Errorf("in %s: %v", lang, conditions)
		}
	}
	now := time.Now().UTC()
	wrong := noticeBody("title.unknown", map[string]any{"title": " ", "year": 1999, "closesAt": now.Add(-2 * time.Hour), "committee": map[string]any{"id": "", "name": ""},
		"resubmitTo": "nowhere", "correctionDays": 366, "quota": -1})
	fields := []string{"body.closesAt", "body.committee", "body.correctionDays", "body.quota", "body.resubmitTo", "body.title", "body.type", "body.year"}
	for _, lang := range []string{"zh", "en"} {
		var at []string
		for _, f := range bureau.want(http.StatusUnprocessableEntity, "invalid", "POST", "/notices", wrong, "Accept-Language", lang).items("errors") {
			location, _ := f["location"].(string)
			message, _ := f["message"].(string)
			if message == "" || han.MatchString(message) != (lang == "zh") {
				t.Errorf("%v in %s", f, lang)
			}
			at = append(at, location)
		}
		slices.Sort(at)
		if diff := cmp.Diff(fields, at); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	missing := bureau.want(http.StatusUnprocessableEntity, "invalid", "POST", "/notices", map[string]any{"type": d.Type, "salary": 1})
	var told []string
	for _, f := range missing.items("errors") {
		told = append(told, fmt.Sprint(f["location"], " ", f["code"]))
	}
	want := []string{"body.closesAt missing", "body.committee missing", "body.instructions missing", "body.opensAt missing", "body.salary unknown_member",
		"body.title missing", "body.year missing"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.stop()
}

// declare starts a declaration for a notice and completes it; it answers its path.
func declare(c *caller, d catalog.Definition, notice string) string {
	c.s.t.Helper()
	id := c.want(http.StatusCreated, "", "POST", "/declarations", map[string]any{"noticeId": notice, "selfCheck": selfCheck(d)}).str("id")
	complete(c, d, id)
	return "/declarations/" + id
}

var pledge = map[string]any{"commitment": true}

func TestAUnitPassesOnNoMoreThanItsQuota(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--demo")
	d := definitionOf(t, "grade3.assessment")
	first, second, unit, bureau := s.as("applicant"), s.as("applicant2"), s.as("unit"), s.as("bureau")
	notice := publish(bureau, noticeBody(d.Type, map[string]any{"quota": 1, "batch": "第三批"}))
	if n := first.want(http.StatusOK, "", "GET", "/notices/"+notice, nil); n.body["quota"] != 1.0 || n.str("batch") != "第三批" {
		t.Fatalf("%s", n.raw)
	}
	var paths []string
	for _, c := range []*caller{first, second} {
		bind(c, unit, university)
		path := declare(c, d, notice)
		c.want(http.StatusOK, "", "POST", path+"/submit", pledge)
		paths = append(paths, path)
	}
	unit.want(http.StatusOK, "", "POST", paths[0]+"/approve", map[string]any{})
	refused := unit.want(http.StatusConflict, "quota_exhausted", "POST", paths[1]+"/approve", map[string]any{})
	if !strings.Contains(refused.str("detail"), "1") {
		t.Errorf("the quota is not named: %s", refused.raw)
	}
	many := unit.want(http.StatusOK, "", "POST", "/worklist/approve", map[string]any{"ids": []string{strings.TrimPrefix(paths[1], "/declarations/")}})
	if r := many.items("items"); len(r) != 1 || r[0]["ok"] != false || r[0]["code"] != "quota_exhausted" {
		t.Fatalf("%s", many.raw)
	}
	// Refusing and returning need no place; one that comes back from above gives its place free.
	unit.want(http.StatusOK, "", "POST", paths[1]+"/return", map[string]any{"opinion": "请补充", "modules": []string{"summary"}})
	second.want(http.StatusOK, "", "POST", paths[1]+"/submit", pledge)
	s.as("department").want(http.StatusOK, "", "POST", paths[0]+"/return", map[string]any{"opinion": "请补充", "modules": []string{"summary"}})
	first.want(http.StatusOK, "", "POST", paths[0]+"/submit", pledge)
	unit.want(http.StatusOK, "", "POST", paths[1]+"/approve", map[string]any{})
	unit.want(http.StatusConflict, "quota_exhausted", "POST", paths[0]+"/approve", map[string]any{})
	// Each place that was taken is in the audit trail, and in the feed.
	taken := s.as("auditor").want(http.StatusOK, "", "GET", "/audit?type=PlaceClaimed", nil).items("items")
	if len(taken) != 2 || taken[0]["summary"] != "“示范大学”为审核通过的申报占用一个推荐名额" || len(taken[0]["changes"].([]any)) != 1 {
		t.Fatalf("%v", taken)
	}
	if feed := s.as("analyst").want(http.StatusOK, "", "GET", "/events?types=zhiping.PlaceClaimed", nil); strings.Count(string(feed.raw), `"declaration":"`) != 2 {
		t.Fatalf("%s", feed.raw)
	}
	// Two officers at once do not exceed it either.
	people, holder := []*caller{first, second}, 1
	for range 5 {
		s.as("department").want(http.StatusOK, "", "POST", paths[holder]+"/return", map[string]any{"opinion": "请补充", "modules": []string{"summary"}})
		people[holder].want(http.StatusOK, "", "POST", paths[holder]+"/submit", pledge)
		statuses := make([]int, len(paths))
		var wg sync.WaitGroup
		for i, path := range paths {
			wg.Go(func() {
				a, err := unit.try(t.Context(), "POST", path+"/approve", map[string]any{})
				if err != nil {
					t.Error(err)
				}
				statuses[i] = a.status
			})
		}
		wg.Wait()
		if holder = slices.Index(statuses, http.StatusOK); holder < 0 || statuses[1-holder] != http.StatusConflict {
			t.Fatalf("two at once for one place: %v", statuses)
		}
	}
	s.stop()
}
