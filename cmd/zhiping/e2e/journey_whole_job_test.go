package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/domain/catalog"
	"zhiping/domain/catalog/catalogtest"
)

// The whole job of the manual, over HTTP, against the real binary.
func TestTheWholeJobFromBindingToFinalApproval(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo")
	d := world.Definition(t, "title.regular")
	person, other := s.As("applicant"), s.As("applicant2")
	unit, unit2 := s.As("unit"), s.As("unit2")
	department, bureau, committee, auditor := s.As("department"), s.As("bureau"), s.As("committee"), s.As("auditor")
	me := person.Want(http.StatusOK, "", "GET", "/me", nil).Str("id")
	notice := world.OpenNotice(person, d.Type)
	declare := map[string]any{"noticeId": notice, "selfCheck": world.SelfCheck(d)}

	// Binding precedes everything, one unit at a time.
	person.Want(http.StatusConflict, "not_bound", "POST", "/declarations", declare)
	if got := person.Want(http.StatusOK, "", "GET", "/units?uscc="+world.University, nil).Str("binding"); got != "none" {
		t.Fatalf("binding %q before asking", got)
	}
	person.Want(http.StatusUnprocessableEntity, "invalid", "GET", "/units?uscc=123", nil)
	person.Want(http.StatusNotFound, "unit_not_registered", "GET", "/units?uscc=91350100M000100Y43", nil)
	if odd := person.Want(http.StatusNotFound, "unit_not_registered", "GET", "/units?uscc=91350211M0000XUF46", nil); odd.Body["checkFailed"] != true {
		t.Fatalf("no hint that the check character does not fit: %s", odd.Raw)
	}
	asked := person.Want(http.StatusCreated, "", "POST", "/bindings", map[string]any{"uscc": world.University})
	person.Want(http.StatusConflict, "binding_pending", "POST", "/bindings", map[string]any{"uscc": world.Company})
	person.Want(http.StatusConflict, "binding_pending", "POST", "/declarations", declare)
	if list := unit.After(asked.Header.Get("X-Position"), "/bindings?status=pending").Items("items"); len(list) != 1 {
		t.Fatalf("the officer sees %v", list)
	}
	unit2.Want(http.StatusForbidden, "", "POST", "/bindings/"+me+"/approve", map[string]any{})
	unit.Want(http.StatusOK, "", "POST", "/bindings/"+me+"/approve", map[string]any{})
	person.Want(http.StatusConflict, "already_bound", "POST", "/bindings", map[string]any{"uscc": world.Company})

	// The self-check, once per notice.
	person.Want(http.StatusUnprocessableEntity, "self_check_incomplete", "POST", "/declarations", map[string]any{"noticeId": notice, "selfCheck": map[string]bool{}})
	created := person.Want(http.StatusCreated, "", "POST", "/declarations", declare)
	id := created.Str("id")
	path := "/declarations/" + id
	if !strings.HasSuffix(created.Header.Get("Location"), path) || created.Str("status") != "draft" {
		t.Fatalf("created at %q as %q", created.Header.Get("Location"), created.Str("status"))
	}
	person.Want(http.StatusConflict, "already_declared", "POST", "/declarations", declare)

	// Save first, then attach; an incomplete form is refused with every fault.
	if a := person.Upload(id, "photo", "", "照片.jpg", world.Photo(413, 626)); a.Status != http.StatusConflict || a.Str("code") != "save_first" {
		t.Fatalf("attached before saving: %d %s", a.Status, a.Raw)
	}
	problems := person.After(created.Header.Get("X-Position"), path+"/validation").Items("problems")
	refused := person.Want(http.StatusUnprocessableEntity, "invalid", "POST", path+"/submit", map[string]any{"commitment": true})
	if n := len(refused.Items("errors")); n < 5 || n != len(problems) {
		t.Fatalf("%d faults on submission, %d on validation", n, len(problems))
	}
	world.FillIn(person, d, id)
	if a := person.Want(http.StatusOK, "", "GET", path+"/validation", nil); a.Body["ok"] != true {
		t.Fatalf("still wrong: %s", a.Raw)
	}
	person.Want(http.StatusUnprocessableEntity, "commitment_required", "POST", path+"/submit", map[string]any{"commitment": false})
	submitted := person.Want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true}, "Idempotency-Key", "submit-1")
	again := person.Want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true}, "Idempotency-Key", "submit-1")
	if submitted.Header.Get("X-Position") != again.Header.Get("X-Position") || !bytes.Equal(submitted.Raw, again.Raw) {
		t.Fatalf("a retry answers differently:\n%s\n%s", submitted.Raw, again.Raw)
	}

	// Under review: no edit, no unbinding, nobody else.
	basic := []byte(catalogtest.Form(d)["basic"])
	person.Want(http.StatusConflict, "not_editable", "PUT", path+"/modules/basic", basic)
	person.Want(http.StatusConflict, "under_review", "DELETE", "/bindings/current", nil)
	other.Want(http.StatusNotFound, "", "GET", path, nil)
	other.Want(http.StatusNotFound, "", "GET", path+"/timeline", nil)
	other.Want(http.StatusNotFound, "", "PUT", path+"/modules/basic", basic)
	unit2.Want(http.StatusForbidden, "", "POST", path+"/approve", map[string]any{})
	department.Want(http.StatusConflict, "wrong_stage", "POST", path+"/approve", map[string]any{})
	if work := unit.After(submitted.Header.Get("X-Position"), "/worklist").Items("items"); len(work) != 1 || work[0]["id"] != id {
		t.Fatalf("worklist %v", work)
	}

	// A return names what may be corrected, and only that.
	unit.Want(http.StatusUnprocessableEntity, "invalid", "POST", path+"/return", map[string]any{"opinion": "", "modules": []string{}})
	back := unit.Want(http.StatusOK, "", "POST", path+"/return", map[string]any{"opinion": "请核对姓名", "modules": []string{"basic"}})
	form := person.After(back.Header.Get("X-Position"), path)
	if form.Str("status") != "returned" || form.Str("return", "opinion") != "请核对姓名" {
		t.Fatalf("the return is not shown: %s", form.Raw)
	}
	for _, m := range form.Items("modules") {
		if marked := m["key"] == "basic"; m["marked"] != marked || m["editable"] != marked {
			t.Fatalf("module %v: marked %v, editable %v", m["key"], m["marked"], m["editable"])
		}
	}
	locked := d.Modules[slices.IndexFunc(d.Modules, func(m catalog.Module) bool { return m.Key != "basic" })].Key
	person.Want(http.StatusConflict, "module_locked", "PUT", path+"/modules/"+locked, []byte(catalogtest.Form(d)[locked]))
	var data map[string]any
	if err := json.Unmarshal(basic, &data); err != nil {
		t.Fatal(err)
	}
	data["name"] = "王晓明"
	person.Want(http.StatusOK, "", "PUT", path+"/modules/basic", data)
	person.Want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true})

	// Stage by stage to 终审通过; of two officers at once one wins.
	for _, officer := range []*world.Caller{unit, department, bureau} {
		officer.Want(http.StatusOK, "", "POST", path+"/approve", map[string]any{"opinion": "同意"})
	}
	committee.Want(http.StatusConflict, "wrong_stage", "POST", path+"/approve", map[string]any{})
	statuses := race(t, 2, func() world.Answer {
		return committee.Do("POST", path+"/approve-final", map[string]any{"opinion": "通过"})
	})
	if slices.Sort(statuses); !slices.Equal(statuses, []int{200, 409}) {
		t.Fatalf("two final approvals at once: %v", statuses)
	}

	// Every step shows in the history list, the timeline and the audit trail.
	head := auditor.Want(http.StatusOK, "", "GET", path, nil).Header.Get("X-Position")
	history := person.After(head, "/declarations").Items("items")
	if len(history) != 1 || history[0]["status"] != "approved" || history[0]["statusText"] != "终审通过" {
		t.Fatalf("history %v", history)
	}
	var nodes []string
	for _, n := range person.Want(http.StatusOK, "", "GET", path+"/timeline", nil).Items("nodes") {
		nodes = append(nodes, fmt.Sprintf("%v:%v:%v", n["round"], n["stage"], n["state"]))
	}
	if want := []string{"1:applicant:done", "1:unit:returned", "2:applicant:done", "2:unit:done", "2:department:done", "2:bureau:done", "2:committee:done"}; !slices.Equal(nodes, want) {
		t.Fatalf("timeline %v, want %v", nodes, want)
	}
	checkAudit(t, auditor, path)
	s.Stop()
}

func checkAudit(t *testing.T, auditor *world.Caller, path string) {
	t.Helper()
	entries := auditor.Want(http.StatusOK, "", "GET", path+"/audit?limit=200", nil).Items("items")
	var types []string
	renamed := false
	for i, e := range entries {
		if e["streamRevision"] != float64(i) {
			t.Fatalf("entry %d has revision %v", i, e["streamRevision"])
		}
		typ, _ := e["type"].(string)
		types = append(types, typ)
		changes, _ := e["changes"].([]any)
		for _, c := range changes {
			m, _ := c.(map[string]any)
			renamed = renamed || typ == "ModuleSaved" && m["path"] == "/modules/basic/name" && m["after"] == "王晓明" && m["before"] != nil
		}
	}
	for _, typ := range []string{"DeclarationStarted", "ModuleSaved", "FileAttached", "DeclarationSubmitted", "DeclarationReturned", "StageApproved", "DeclarationApproved"} {
		if !slices.Contains(types, typ) {
			t.Errorf("the audit trail lacks %s: %v", typ, types)
		}
	}
	if !renamed {
		t.Errorf("the audit trail does not show the corrected name")
	}
}

// race runs the same request n times at once and answers the statuses.
func race(t *testing.T, n int, request func() world.Answer) []int {
	t.Helper()
	statuses := make([]int, n)
	var wg sync.WaitGroup
	ready := make(chan struct{})
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			<-ready
			statuses[i] = request().Status
		}()
	}
	close(ready)
	wg.Wait()
	return statuses
}
