package main

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
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
	s := start(t, t.TempDir(), "--demo")
	bureau, person := s.as("bureau"), s.as("applicant")
	d := definitionOf(t, "title.regular")
	for lang, want := range map[string]string{"zh": "推荐专家须具有正高级职称", "en": "Recommenders must hold a full-senior title"} {
		n := person.want(http.StatusOK, "", "GET", "/notices/"+openNotice(person, d.Type), nil, "Accept-Language", lang)
		conditions := n.items("conditions")
		if len(conditions) != len(d.Rules)+len(d.Recommender.Rules) || !slices.ContainsFunc(conditions, func(c map[string]any) bool {
			return c["key"] == "experts_senior" && c["module"] == "recommenders" && c["field"] == "/titleLevel" && c["text"] == want
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
	s.stop()
}

// standing is what list and form tell the applicant of a declaration alike.
func standing(c *caller, path string) string {
	c.s.t.Helper()
	form := c.want(http.StatusOK, "", "GET", path, nil)
	for _, row := range c.want(http.StatusOK, "", "GET", "/declarations", nil).items("items") {
		if row["id"] != form.body["id"] {
			continue
		}
		for _, k := range []string{"status", "statusText", "lapsed", "actions", "editableUntil"} {
			if diff := cmp.Diff(row[k], form.body[k]); diff != "" {
				c.s.t.Errorf("%s in the list and in the form (-list +form):\n%s", k, diff)
			}
		}
	}
	timeline := c.want(http.StatusOK, "", "GET", path+"/timeline", nil)
	if timeline.str("statusText") != form.str("statusText") || timeline.body["lapsed"] != form.body["lapsed"] {
		c.s.t.Errorf("the timeline tells otherwise than the form: %s", timeline.raw)
	}
	editable := 0
	for _, m := range form.items("modules") {
		if m["editable"] == true {
			editable++
		}
	}
	return fmt.Sprint(form.str("statusText"), " lapsed:", form.body["lapsed"], " ", form.body["actions"], " editable:", editable)
}

func TestADraftLapsesWithItsNoticeAndComesBackWhenItIsExtended(t *testing.T) {
	s, pass := inside(t)
	d := definitionOf(t, "grade3.assessment")
	person, unit, bureau := s.as("applicant"), s.as("unit"), s.as("bureau")
	bind(person, unit, university)
	body := noticeBody(d.Type, map[string]any{"closesAt": time.Now().UTC().Add(10 * time.Minute).Truncate(time.Second)})
	notice := publish(bureau, body)
	published := person.want(http.StatusOK, "", "GET", "/notices/"+notice, nil)
	path := declare(person, d, notice)
	whole := catalogtest.Form(d)["summary"]
	live := fmt.Sprintf("填报中 lapsed:false [view edit submit] editable:%d", len(d.Modules))
	if got := standing(person, path); got != live {
		t.Fatalf("before closing: %s", got)
	}
	before := person.want(http.StatusOK, "", "GET", path, nil)

	pass(15 * time.Minute)
	lapsed := "逾期未提交 lapsed:true [view] editable:0"
	if got := standing(person, path); got != lapsed {
		t.Fatalf("after closing: %s", got)
	}
	after := person.want(http.StatusOK, "", "GET", path, nil, "If-None-Match", before.header.Get("ETag"))
	if len(after.items("modules")) != len(d.Modules) || after.items("modules")[0]["data"] == nil || len(after.items("attachments")) == 0 {
		t.Fatalf("what lapsed cannot be read: %s", after.raw)
	}
	person.want(http.StatusConflict, "notice_closed", "PUT", path+"/modules/summary", []byte(whole))
	person.want(http.StatusConflict, "notice_closed", "POST", path+"/submit", pledge)
	if a := person.upload(strings.TrimPrefix(path, "/declarations/"), "term_proof", "", "a.pdf", pdf("a")); a.str("code") != "notice_closed" {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	if a := person.want(http.StatusOK, "", "GET", path+"/validation", nil); a.body["ok"] != true {
		t.Fatalf("%s", a.raw)
	}
	s.as("applicant2").want(http.StatusConflict, "notice_closed", "POST", "/declarations", map[string]any{"noticeId": notice, "selfCheck": selfCheck(d)})

	// Only the end of the window moves, and only onward; who qualified stays as it was.
	with := func(changes map[string]any) map[string]any {
		changed := maps.Clone(body)
		maps.Copy(changed, changes)
		return changed
	}
	later := time.Now().UTC().Add(10 * time.Hour).Truncate(time.Second)
	bureau.want(http.StatusConflict, "notice_published", "PUT", "/notices/"+notice, with(map[string]any{"closesAt": time.Now().UTC()}))
	bureau.want(http.StatusConflict, "notice_published", "PUT", "/notices/"+notice, with(map[string]any{"closesAt": later, "quota": 3}))
	extended := bureau.want(http.StatusOK, "", "PUT", "/notices/"+notice, with(map[string]any{"closesAt": later, "cutOff": published.str("cutOff")}))
	if extended.str("state") != "open" || extended.str("cutOff") != published.str("cutOff") {
		t.Fatalf("cut off at %s, then %s", published.str("cutOff"), extended.raw)
	}
	if got := standing(person, path); got != live {
		t.Fatalf("after the extension: %s", got)
	}
	person.want(http.StatusOK, "", "PUT", path+"/modules/summary", []byte(catalogtest.With(whole, map[string]any{"text": strings.Repeat("改", 30)})))

	bureau.want(http.StatusOK, "", "POST", "/notices/"+notice+"/close", nil)
	if got := standing(person, path); got != lapsed {
		t.Fatalf("closed by hand: %s", got)
	}
	bureau.want(http.StatusConflict, "notice_closed", "PUT", "/notices/"+notice, with(map[string]any{"closesAt": later.Add(time.Hour)}))
}

func TestAReturnedDeclarationKeepsItsOwnDeadline(t *testing.T) {
	s, pass := inside(t)
	d := definitionOf(t, "grade3.assessment")
	person, unit, bureau := s.as("applicant"), s.as("unit"), s.as("bureau")
	bind(person, unit, university)
	notice := publish(bureau, noticeBody(d.Type, map[string]any{"correctionDays": 2}))
	path := declare(person, d, notice)
	person.want(http.StatusOK, "", "POST", path+"/submit", pledge)
	back := map[string]any{"opinion": "请补充", "modules": []string{"summary"}}
	unit.want(http.StatusOK, "", "POST", path+"/return", back)
	bureau.want(http.StatusOK, "", "POST", "/notices/"+notice+"/close", nil)

	// The notice is closed; the correction is not.
	if got := standing(person, path); got != "被退回 lapsed:false [view edit submit track] editable:1" {
		t.Fatalf("returned: %s", got)
	}
	form := person.want(http.StatusOK, "", "GET", path, nil)
	if form.str("return", "deadline") == "" || form.str("return", "deadline") != form.str("editableUntil") {
		t.Fatalf("no deadline: %s", form.raw)
	}
	summary := func(text string) []byte {
		return catalogtest.With(catalogtest.Form(d)["summary"], map[string]any{"text": strings.Repeat(text, 30)})
	}
	person.want(http.StatusOK, "", "PUT", path+"/modules/summary", summary("改"))
	person.want(http.StatusOK, "", "POST", path+"/submit", pledge)
	unit.want(http.StatusOK, "", "POST", path+"/return", back)

	pass(49 * time.Hour)
	person = s.as("applicant")
	if got := standing(person, path); got != "被退回 lapsed:true [view track] editable:0" {
		t.Fatalf("too late: %s", got)
	}
	person.want(http.StatusConflict, "correction_overdue", "PUT", path+"/modules/summary", summary("又"))
	person.want(http.StatusConflict, "correction_overdue", "POST", path+"/submit", pledge)
}
