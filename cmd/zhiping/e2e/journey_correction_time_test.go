package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/domain/catalog/catalogtest"
)

// standing is what list and form tell the applicant of a declaration alike.
func standing(c *world.Caller, path string) string {
	c.Server.T.Helper()
	form := c.Want(http.StatusOK, "", "GET", path, nil)
	for _, row := range c.Want(http.StatusOK, "", "GET", "/declarations", nil).Items("items") {
		if row["id"] != form.Body["id"] {
			continue
		}
		for _, k := range []string{"status", "statusText", "lapsed", "actions", "editableUntil"} {
			if diff := cmp.Diff(row[k], form.Body[k]); diff != "" {
				c.Server.T.Errorf("%s in the list and in the form (-list +form):\n%s", k, diff)
			}
		}
	}
	timeline := c.Want(http.StatusOK, "", "GET", path+"/timeline", nil)
	if timeline.Str("statusText") != form.Str("statusText") || timeline.Body["lapsed"] != form.Body["lapsed"] {
		c.Server.T.Errorf("the timeline tells otherwise than the form: %s", timeline.Raw)
	}
	editable := 0
	for _, m := range form.Items("modules") {
		if m["editable"] == true {
			editable++
		}
	}
	return fmt.Sprint(form.Str("statusText"), " lapsed:", form.Body["lapsed"], " ", form.Body["actions"], " editable:", editable)
}

func TestADraftLapsesWithItsNoticeAndComesBackWhenItIsExtended(t *testing.T) {
	s, pass := world.StartInProcess(t)
	d := world.Definition(t, "grade3.assessment")
	person, unit, bureau := s.As("applicant"), s.As("unit"), s.As("bureau")
	world.Bind(person, unit, world.University)
	body := noticeBody(d.Type, map[string]any{"closesAt": time.Now().UTC().Add(10 * time.Minute).Truncate(time.Second)})
	notice := publish(bureau, body)
	published := person.Want(http.StatusOK, "", "GET", "/notices/"+notice, nil)
	path := declare(person, d, notice)
	whole := catalogtest.Form(d)["summary"]
	live := fmt.Sprintf("填报中 lapsed:false [view edit submit] editable:%d", len(d.Modules))
	if got := standing(person, path); got != live {
		t.Fatalf("before closing: %s", got)
	}
	before := person.Want(http.StatusOK, "", "GET", path, nil)

	pass(15 * time.Minute)
	lapsed := "逾期未提交 lapsed:true [view] editable:0"
	if got := standing(person, path); got != lapsed {
		t.Fatalf("after closing: %s", got)
	}
	after := person.Want(http.StatusOK, "", "GET", path, nil, "If-None-Match", before.Header.Get("ETag"))
	if len(after.Items("modules")) != len(d.Modules) || after.Items("modules")[0]["data"] == nil || len(after.Items("attachments")) == 0 {
		t.Fatalf("what lapsed cannot be read: %s", after.Raw)
	}
	person.Want(http.StatusConflict, "notice_closed", "PUT", path+"/modules/summary", []byte(whole))
	person.Want(http.StatusConflict, "notice_closed", "POST", path+"/submit", pledge)
	if a := person.Upload(strings.TrimPrefix(path, "/declarations/"), "term_proof", "", "a.pdf", world.PDF("a")); a.Str("code") != "notice_closed" {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	if a := person.Want(http.StatusOK, "", "GET", path+"/validation", nil); a.Body["ok"] != true {
		t.Fatalf("%s", a.Raw)
	}
	s.As("applicant2").Want(http.StatusConflict, "notice_closed", "POST", "/declarations", map[string]any{"noticeId": notice, "selfCheck": world.SelfCheck(d)})

	// Only the end of the window moves, and only onward; who qualified stays as it was.
	with := func(changes map[string]any) map[string]any {
		changed := maps.Clone(body)
		maps.Copy(changed, changes)
		return changed
	}
	later := time.Now().UTC().Add(10 * time.Hour).Truncate(time.Second)
	bureau.Want(http.StatusConflict, "notice_published", "PUT", "/notices/"+notice, with(map[string]any{"closesAt": time.Now().UTC()}))
	bureau.Want(http.StatusConflict, "notice_published", "PUT", "/notices/"+notice, with(map[string]any{"closesAt": later, "quota": 3}))
	extended := bureau.Want(http.StatusOK, "", "PUT", "/notices/"+notice, with(map[string]any{"closesAt": later, "cutOff": published.Str("cutOff")}))
	if extended.Str("state") != "open" || extended.Str("cutOff") != published.Str("cutOff") {
		t.Fatalf("cut off at %s, then %s", published.Str("cutOff"), extended.Raw)
	}
	if got := standing(person, path); got != live {
		t.Fatalf("after the extension: %s", got)
	}
	person.Want(http.StatusOK, "", "PUT", path+"/modules/summary", []byte(catalogtest.With(whole, map[string]any{"text": strings.Repeat("改", 30)})))

	bureau.Want(http.StatusOK, "", "POST", "/notices/"+notice+"/close", nil)
	if got := standing(person, path); got != lapsed {
		t.Fatalf("closed by hand: %s", got)
	}
	bureau.Want(http.StatusConflict, "notice_closed", "PUT", "/notices/"+notice, with(map[string]any{"closesAt": later.Add(time.Hour)}))
}

func TestAReturnedDeclarationKeepsItsOwnDeadline(t *testing.T) {
	s, pass := world.StartInProcess(t)
	d := world.Definition(t, "grade3.assessment")
	person, unit, bureau := s.As("applicant"), s.As("unit"), s.As("bureau")
	world.Bind(person, unit, world.University)
	notice := publish(bureau, noticeBody(d.Type, map[string]any{"correctionDays": 2}))
	path := declare(person, d, notice)
	person.Want(http.StatusOK, "", "POST", path+"/submit", pledge)
	back := map[string]any{"opinion": "请补充", "modules": []string{"summary"}}
	unit.Want(http.StatusOK, "", "POST", path+"/return", back)
	bureau.Want(http.StatusOK, "", "POST", "/notices/"+notice+"/close", nil)

	// The notice is closed; the correction is not.
	if got := standing(person, path); got != "被退回 lapsed:false [view edit submit track] editable:1" {
		t.Fatalf("returned: %s", got)
	}
	form := person.Want(http.StatusOK, "", "GET", path, nil)
	if form.Str("return", "deadline") == "" || form.Str("return", "deadline") != form.Str("editableUntil") {
		t.Fatalf("no deadline: %s", form.Raw)
	}
	summary := func(text string) []byte {
		return catalogtest.With(catalogtest.Form(d)["summary"], map[string]any{"text": strings.Repeat(text, 30)})
	}
	person.Want(http.StatusOK, "", "PUT", path+"/modules/summary", summary("改"))
	person.Want(http.StatusOK, "", "POST", path+"/submit", pledge)
	unit.Want(http.StatusOK, "", "POST", path+"/return", back)

	pass(49 * time.Hour)
	person = s.As("applicant")
	if got := standing(person, path); got != "被退回 lapsed:true [view track] editable:0" {
		t.Fatalf("too late: %s", got)
	}
	person.Want(http.StatusConflict, "correction_overdue", "PUT", path+"/modules/summary", summary("又"))
	person.Want(http.StatusConflict, "correction_overdue", "POST", path+"/submit", pledge)
}

// Who takes a declaration back after closing could never hand it in again, so it is not offered; the call itself stays.
func TestWithdrawingIsOfferedWhileItCanBeSubmittedAgain(t *testing.T) {
	s, pass := world.StartInProcess(t)
	d := world.Definition(t, "grade3.assessment")
	person, bureau := s.As("applicant"), s.As("bureau")
	world.Bind(person, s.As("unit"), world.University)
	body := noticeBody(d.Type, map[string]any{"closesAt": time.Now().UTC().Add(10 * time.Minute).Truncate(time.Second)})
	notice := publish(bureau, body)
	path := declare(person, d, notice)
	person.Want(http.StatusOK, "", "POST", path+"/submit", pledge)
	if got := standing(person, path); got != "已申报 lapsed:false [view track withdraw] editable:0" {
		t.Fatalf("open: %s", got)
	}
	before := person.Want(http.StatusOK, "", "GET", path, nil)
	pass(15 * time.Minute)
	closed := "已申报 lapsed:false [view track] editable:0"
	if got := standing(person, path); got != closed {
		t.Fatalf("closed: %s", got)
	}
	person.Want(http.StatusOK, "", "GET", path, nil, "If-None-Match", before.Header.Get("ETag")) // not the form that is known
	extended := maps.Clone(body)
	extended["closesAt"] = time.Now().UTC().Add(10 * time.Hour).Truncate(time.Second)
	bureau.Want(http.StatusOK, "", "PUT", "/notices/"+notice, extended)
	if got := standing(person, path); got != "已申报 lapsed:false [view track withdraw] editable:0" {
		t.Fatalf("extended: %s", got)
	}
	bureau.Want(http.StatusOK, "", "POST", "/notices/"+notice+"/close", nil)
	if got := standing(person, path); got != closed {
		t.Fatalf("closed by hand: %s", got)
	}
	person.Want(http.StatusOK, "", "POST", path+"/withdraw", nil)
}
