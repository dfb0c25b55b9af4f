package main

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zhiping/domain/catalog/catalogtest"
)

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

// Who takes a declaration back after closing could never hand it in again, so it is not offered; the call itself stays.
func TestWithdrawingIsOfferedWhileItCanBeSubmittedAgain(t *testing.T) {
	s, pass := inside(t)
	d := definitionOf(t, "grade3.assessment")
	person, bureau := s.as("applicant"), s.as("bureau")
	bind(person, s.as("unit"), university)
	body := noticeBody(d.Type, map[string]any{"closesAt": time.Now().UTC().Add(10 * time.Minute).Truncate(time.Second)})
	notice := publish(bureau, body)
	path := declare(person, d, notice)
	person.want(http.StatusOK, "", "POST", path+"/submit", pledge)
	if got := standing(person, path); got != "已申报 lapsed:false [view track withdraw] editable:0" {
		t.Fatalf("open: %s", got)
	}
	before := person.want(http.StatusOK, "", "GET", path, nil)
	pass(15 * time.Minute)
	closed := "已申报 lapsed:false [view track] editable:0"
	if got := standing(person, path); got != closed {
		t.Fatalf("closed: %s", got)
	}
	person.want(http.StatusOK, "", "GET", path, nil, "If-None-Match", before.header.Get("ETag")) // not the form that is known
	extended := maps.Clone(body)
	extended["closesAt"] = time.Now().UTC().Add(10 * time.Hour).Truncate(time.Second)
	bureau.want(http.StatusOK, "", "PUT", "/notices/"+notice, extended)
	if got := standing(person, path); got != "已申报 lapsed:false [view track withdraw] editable:0" {
		t.Fatalf("extended: %s", got)
	}
	bureau.want(http.StatusOK, "", "POST", "/notices/"+notice+"/close", nil)
	if got := standing(person, path); got != closed {
		t.Fatalf("closed by hand: %s", got)
	}
	person.want(http.StatusOK, "", "POST", path+"/withdraw", nil)
}
