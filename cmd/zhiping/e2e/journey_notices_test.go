package e2e

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

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/cmd/zhiping/internal/demo"
	"zhiping/domain/catalog"
	"zhiping/domain/catalog/catalogtest"
)

// noticeBody is a notice that is open now, with members changed.
func noticeBody(typ string, changes map[string]any) map[string]any {
	now := time.Now().UTC()
	body := map[string]any{
		"type": typ, "title": "测试通知", "year": now.Year(), "instructions": "按通知要求申报。",
		"opensAt": now.Add(-time.Hour), "closesAt": now.AddDate(0, 1, 0),
		"committee": map[string]any{"id": demo.Committee.ID, "name": demo.Committee.Name},
	}
	maps.Copy(body, changes)
	return body
}

// publish drafts and publishes a notice, and answers its id.
func publish(bureau *world.Caller, body map[string]any) string {
	bureau.Server.T.Helper()
	id := bureau.Want(http.StatusCreated, "", "POST", "/notices", body).Str("id")
	bureau.Want(http.StatusOK, "", "POST", "/notices/"+id+"/publish", nil)
	return id
}

// An auditor is told what the applicant is. Offices are told about the last submission, which was in order: what is
// rewritten during a correction is not theirs to see.
func TestTheDataCheckQuotesRuleAndInputOfWhatEachMaySee(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo")
	d := world.Definition(t, "title.regular")
	person, unit, bureau := s.As("applicant"), s.As("unit"), s.As("bureau")
	world.Bind(person, unit, world.University)
	notice := publish(bureau, noticeBody(d.Type, map[string]any{"cutOff": "2024-12-31T00:00:00Z"}))
	id := person.Want(http.StatusCreated, "", "POST", "/declarations", map[string]any{"noticeId": notice, "selfCheck": world.SelfCheck(d)}).Str("id")
	path := "/declarations/" + id
	world.FillIn(person, d, id)
	person.Want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true})
	unit.Want(http.StatusOK, "", "POST", path+"/return", map[string]any{"opinion": "请核对取得时间", "modules": []string{"current_title"}})
	title := catalogtest.With(catalogtest.Form(d)["current_title"], map[string]any{"obtained": "2025-01-01"})
	person.Want(http.StatusOK, "", "PUT", path+"/modules/current_title", []byte(title))

	// The title was obtained long before today, and after the notice's cut-off date.
	first := person.Want(http.StatusOK, "", "GET", path+"/validation", nil)
	want := []map[string]any{{
		"module": "current_title", "field": "/obtained", "rule": "title_before_cutoff", "code": "rule",
		"message": "现任职称取得时间晚于任职资格截止日期",
		"inputs":  map[string]any{"/current_title/obtained": "2025-01-01", "/cutOff": "2024-12-31"},
	}}
	if diff := cmp.Diff(want, first.Items("problems")); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if a := s.As("auditor").Want(http.StatusOK, "", "GET", path+"/validation", nil); !bytes.Equal(a.Raw, first.Raw) {
		t.Errorf("the auditor is told %s, the applicant %s", a.Raw, first.Raw)
	}
	for _, account := range []string{"unit", "department", "bureau", "committee"} {
		if a := s.As(account).Want(http.StatusOK, "", "GET", path+"/validation", nil); a.Body["ok"] != true || len(a.Items("problems")) != 0 {
			t.Errorf("%s is told %s of a submission that was in order", account, a.Raw)
		}
	}
	refused := person.Want(http.StatusUnprocessableEntity, "invalid", "POST", path+"/submit", map[string]any{"commitment": true})
	if faults := refused.Items("errors"); len(faults) != 1 || cmp.Diff(want[0]["inputs"], faults[0]["inputs"]) != "" || faults[0]["rule"] != "title_before_cutoff" {
		t.Fatalf("submission says %s", refused.Raw)
	}
	s.Stop()
}

// A notice tells beforehand what it asks for, and a bad one is refused with all that is wrong with it.
func TestANoticeTellsItsConditionsAndIsRefusedWithEveryFault(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo")
	bureau, person := s.As("bureau"), s.As("applicant")
	d := world.Definition(t, "title.regular")
	for lang, want := range map[string]string{"zh": "推荐专家须具有正高级职称", "en": "Recommenders must hold a full-senior title"} {
		n := person.Want(http.StatusOK, "", "GET", "/notices/"+world.OpenNotice(person, d.Type), nil, "Accept-Language", lang)
		conditions := n.Items("conditions")
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
		for _, f := range bureau.Want(http.StatusUnprocessableEntity, "invalid", "POST", "/notices", wrong, "Accept-Language", lang).Items("errors") {
			location, _ := f["location"].(string)
			message, _ := f["message"].(string)
			if message == "" || world.Han.MatchString(message) != (lang == "zh") {
				t.Errorf("%v in %s", f, lang)
			}
			at = append(at, location)
		}
		slices.Sort(at)
		if diff := cmp.Diff(fields, at); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	missing := bureau.Want(http.StatusUnprocessableEntity, "invalid", "POST", "/notices", map[string]any{"type": d.Type, "salary": 1})
	var told []string
	for _, f := range missing.Items("errors") {
		told = append(told, fmt.Sprint(f["location"], " ", f["code"]))
	}
	want := []string{"body.closesAt missing", "body.committee missing", "body.instructions missing", "body.opensAt missing", "body.salary unknown_member",
		"body.title missing", "body.year missing"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.Stop()
}

// declare starts a declaration for a notice and completes it; it answers its path.
func declare(c *world.Caller, d catalog.Definition, notice string) string {
	c.Server.T.Helper()
	id := c.Want(http.StatusCreated, "", "POST", "/declarations", map[string]any{"noticeId": notice, "selfCheck": world.SelfCheck(d)}).Str("id")
	world.FillIn(c, d, id)
	return "/declarations/" + id
}

var pledge = map[string]any{"commitment": true}

func TestAUnitPassesOnNoMoreThanItsQuota(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo")
	d := world.Definition(t, "grade3.assessment")
	first, second, unit, bureau := s.As("applicant"), s.As("applicant2"), s.As("unit"), s.As("bureau")
	notice := publish(bureau, noticeBody(d.Type, map[string]any{"quota": 1, "batch": "第三批"}))
	if n := first.Want(http.StatusOK, "", "GET", "/notices/"+notice, nil); n.Body["quota"] != 1.0 || n.Str("batch") != "第三批" {
		t.Fatalf("%s", n.Raw)
	}
	var paths []string
	for _, c := range []*world.Caller{first, second} {
		world.Bind(c, unit, world.University)
		path := declare(c, d, notice)
		c.Want(http.StatusOK, "", "POST", path+"/submit", pledge)
		paths = append(paths, path)
	}
	unit.Want(http.StatusOK, "", "POST", paths[0]+"/approve", map[string]any{})
	refused := unit.Want(http.StatusConflict, "quota_exhausted", "POST", paths[1]+"/approve", map[string]any{})
	if !strings.Contains(refused.Str("detail"), "1") {
		t.Errorf("the quota is not named: %s", refused.Raw)
	}
	many := unit.Want(http.StatusOK, "", "POST", "/worklist/approve", map[string]any{"ids": []string{strings.TrimPrefix(paths[1], "/declarations/")}})
	if r := many.Items("items"); len(r) != 1 || r[0]["ok"] != false || r[0]["code"] != "quota_exhausted" {
		t.Fatalf("%s", many.Raw)
	}
	// Refusing and returning need no place; one that comes back from above gives its place free.
	unit.Want(http.StatusOK, "", "POST", paths[1]+"/return", map[string]any{"opinion": "请补充", "modules": []string{"summary"}})
	second.Want(http.StatusOK, "", "POST", paths[1]+"/submit", pledge)
	s.As("department").Want(http.StatusOK, "", "POST", paths[0]+"/return", map[string]any{"opinion": "请补充", "modules": []string{"summary"}})
	first.Want(http.StatusOK, "", "POST", paths[0]+"/submit", pledge)
	unit.Want(http.StatusOK, "", "POST", paths[1]+"/approve", map[string]any{})
	unit.Want(http.StatusConflict, "quota_exhausted", "POST", paths[0]+"/approve", map[string]any{})
	// Each place that was taken is in the audit trail, and in the feed.
	taken := s.As("auditor").Want(http.StatusOK, "", "GET", "/audit?type=PlaceClaimed", nil).Items("items")
	if len(taken) != 2 || taken[0]["summary"] != "“示范大学”为审核通过的申报占用一个推荐名额" || len(taken[0]["changes"].([]any)) != 1 {
		t.Fatalf("%v", taken)
	}
	if feed := s.As("analyst").Want(http.StatusOK, "", "GET", "/events?types=zhiping.PlaceClaimed", nil); strings.Count(string(feed.Raw), `"declaration":"`) != 2 {
		t.Fatalf("%s", feed.Raw)
	}
	// Two officers at once do not exceed it either.
	people, holder := []*world.Caller{first, second}, 1
	for range 5 {
		s.As("department").Want(http.StatusOK, "", "POST", paths[holder]+"/return", map[string]any{"opinion": "请补充", "modules": []string{"summary"}})
		people[holder].Want(http.StatusOK, "", "POST", paths[holder]+"/submit", pledge)
		statuses := make([]int, len(paths))
		var wg sync.WaitGroup
		for i, path := range paths {
			wg.Go(func() {
				a, err := unit.Try(t.Context(), "POST", path+"/approve", map[string]any{})
				if err != nil {
					t.Error(err)
				}
				statuses[i] = a.Status
			})
		}
		wg.Wait()
		if holder = slices.Index(statuses, http.StatusOK); holder < 0 || statuses[1-holder] != http.StatusConflict {
			t.Fatalf("two at once for one place: %v", statuses)
		}
	}
	s.Stop()
}
