package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"zhiping/domain/catalog"
	"zhiping/domain/catalog/catalogtest"
)

const (
	university = "12220000127701509T"
	company    = "91220101MA0Y3KQ208"
)

// embedded is the catalog that the binary has; nobody changes it.
var embedded = sync.OnceValues(func() (*catalog.Catalog, error) { return catalog.Load(nil) })

// definitionOf is the newest definition of a type, as the binary has it embedded.
func definitionOf(t testing.TB, typ string) catalog.Definition {
	t.Helper()
	c, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	d, ok := c.Definition(typ)
	if !ok {
		t.Fatalf("no type %s", typ)
	}
	return d
}

// openNotice is the id of an open notice of a type.
func openNotice(c *caller, typ string) string {
	c.s.t.Helper()
	list := c.want(http.StatusOK, "", "GET", "/notices?open=true&type="+typ, nil).items("items")
	if len(list) == 0 {
		c.s.t.Fatalf("no open notice of %s", typ)
	}
	id, _ := list[0]["id"].(string)
	return id
}

// bind binds the applicant to a unit, with the officer's approval.
func bind(applicant, officer *caller, uscc string) {
	applicant.s.t.Helper()
	applicant.want(http.StatusCreated, "", "POST", "/bindings", map[string]any{"uscc": uscc})
	me := applicant.want(http.StatusOK, "", "GET", "/me", nil).str("id")
	officer.want(http.StatusOK, "", "POST", "/bindings/"+me+"/approve", map[string]any{})
}

func selfCheck(d catalog.Definition) map[string]bool {
	checked := map[string]bool{}
	for _, item := range d.SelfCheck {
		checked[item.Key] = true
	}
	return checked
}

// begin starts a declaration and answers its id.
func begin(c *caller, d catalog.Definition) string {
	c.s.t.Helper()
	a := c.want(http.StatusCreated, "", "POST", "/declarations", map[string]any{"noticeId": openNotice(c, d.Type), "selfCheck": selfCheck(d)})
	return a.str("id")
}

// complete saves every module and attaches every required file; it answers the position of the last step.
func complete(c *caller, d catalog.Definition, id string) (position string) {
	c.s.t.Helper()
	form := catalogtest.Form(d)
	for _, m := range d.Modules {
		if data, ok := form[m.Key]; ok {
			position = c.want(http.StatusOK, "", "PUT", "/declarations/"+id+"/modules/"+m.Key, []byte(data)).header.Get("X-Position")
		}
	}
	for _, s := range d.Slots {
		if s.Required && s.Module != "recommenders" {
			a := c.upload(id, s.Key, "", s.Key+extension(s), sample(s))
			if a.status != http.StatusCreated {
				c.s.t.Fatalf("attach %s: %d %s", s.Key, a.status, a.raw)
			}
			position = a.header.Get("X-Position")
		}
	}
	return position
}

func extension(s catalog.Slot) string {
	if len(s.Pixels) > 0 {
		return ".jpg"
	}
	return ".pdf"
}

// sample is content that the slot takes.
func sample(s catalog.Slot) []byte {
	if len(s.Pixels) > 0 {
		return photo(s.Pixels[0].Width, s.Pixels[0].Height)
	}
	return pdf("证明材料")
}

func photo(width, height int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, width, height)), nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// pdf is a whole one-page document, with a cross-reference table that is right.
func pdf(note string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	var offsets []int
	for i, object := range []string{
		"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Resources << >> >>",
	} {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	fmt.Fprintf(&b, "%% %x\n", note)
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, xref)
	return b.Bytes()
}

// The whole job of the manual, over HTTP, against the real binary.
func TestTheWholeJobFromBindingToFinalApproval(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--demo")
	d := definitionOf(t, "title.regular")
	person, other := s.as("applicant"), s.as("applicant2")
	unit, unit2 := s.as("unit"), s.as("unit2")
	department, bureau, committee, auditor := s.as("department"), s.as("bureau"), s.as("committee"), s.as("auditor")
	me := person.want(http.StatusOK, "", "GET", "/me", nil).str("id")
	notice := openNotice(person, d.Type)
	declare := map[string]any{"noticeId": notice, "selfCheck": selfCheck(d)}

	// Binding precedes everything, one unit at a time.
	person.want(http.StatusConflict, "not_bound", "POST", "/declarations", declare)
	if got := person.want(http.StatusOK, "", "GET", "/units?uscc="+university, nil).str("binding"); got != "none" {
		t.Fatalf("binding %q before asking", got)
	}
	person.want(http.StatusUnprocessableEntity, "invalid", "GET", "/units?uscc=123", nil)
	person.want(http.StatusNotFound, "unit_not_registered", "GET", "/units?uscc=91350100M000100Y43", nil)
	if odd := person.want(http.StatusNotFound, "unit_not_registered", "GET", "/units?uscc=91350211M0000XUF46", nil); odd.body["checkFailed"] != true {
		t.Fatalf("no hint that the check character does not fit: %s", odd.raw)
	}
	asked := person.want(http.StatusCreated, "", "POST", "/bindings", map[string]any{"uscc": university})
	person.want(http.StatusConflict, "binding_pending", "POST", "/bindings", map[string]any{"uscc": company})
	person.want(http.StatusConflict, "binding_pending", "POST", "/declarations", declare)
	if list := unit.after(asked.header.Get("X-Position"), "/bindings?status=pending").items("items"); len(list) != 1 {
		t.Fatalf("the officer sees %v", list)
	}
	unit2.want(http.StatusForbidden, "", "POST", "/bindings/"+me+"/approve", map[string]any{})
	unit.want(http.StatusOK, "", "POST", "/bindings/"+me+"/approve", map[string]any{})
	person.want(http.StatusConflict, "already_bound", "POST", "/bindings", map[string]any{"uscc": company})

	// The self-check, once per notice.
	person.want(http.StatusUnprocessableEntity, "self_check_incomplete", "POST", "/declarations", map[string]any{"noticeId": notice, "selfCheck": map[string]bool{}})
	created := person.want(http.StatusCreated, "", "POST", "/declarations", declare)
	id := created.str("id")
	path := "/declarations/" + id
	if !strings.HasSuffix(created.header.Get("Location"), path) || created.str("status") != "draft" {
		t.Fatalf("created at %q as %q", created.header.Get("Location"), created.str("status"))
	}
	person.want(http.StatusConflict, "already_declared", "POST", "/declarations", declare)

	// Save first, then attach; an incomplete form is refused with every fault.
	if a := person.upload(id, "photo", "", "照片.jpg", photo(413, 626)); a.status != http.StatusConflict || a.str("code") != "save_first" {
		t.Fatalf("attached before saving: %d %s", a.status, a.raw)
	}
	problems := person.after(created.header.Get("X-Position"), path+"/validation").items("problems")
	refused := person.want(http.StatusUnprocessableEntity, "invalid", "POST", path+"/submit", map[string]any{"commitment": true})
	if n := len(refused.items("errors")); n < 5 || n != len(problems) {
		t.Fatalf("%d faults on submission, %d on validation", n, len(problems))
	}
	complete(person, d, id)
	if a := person.want(http.StatusOK, "", "GET", path+"/validation", nil); a.body["ok"] != true {
		t.Fatalf("still wrong: %s", a.raw)
	}
	person.want(http.StatusUnprocessableEntity, "commitment_required", "POST", path+"/submit", map[string]any{"commitment": false})
	submitted := person.want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true}, "Idempotency-Key", "submit-1")
	again := person.want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true}, "Idempotency-Key", "submit-1")
	if submitted.header.Get("X-Position") != again.header.Get("X-Position") || !bytes.Equal(submitted.raw, again.raw) {
		t.Fatalf("a retry answers differently:\n%s\n%s", submitted.raw, again.raw)
	}

	// Under review: no edit, no unbinding, nobody else.
	basic := []byte(catalogtest.Form(d)["basic"])
	person.want(http.StatusConflict, "not_editable", "PUT", path+"/modules/basic", basic)
	person.want(http.StatusConflict, "under_review", "DELETE", "/bindings/current", nil)
	other.want(http.StatusNotFound, "", "GET", path, nil)
	other.want(http.StatusNotFound, "", "GET", path+"/timeline", nil)
	other.want(http.StatusNotFound, "", "PUT", path+"/modules/basic", basic)
	unit2.want(http.StatusForbidden, "", "POST", path+"/approve", map[string]any{})
	department.want(http.StatusConflict, "wrong_stage", "POST", path+"/approve", map[string]any{})
	if work := unit.after(submitted.header.Get("X-Position"), "/worklist").items("items"); len(work) != 1 || work[0]["id"] != id {
		t.Fatalf("worklist %v", work)
	}

	// A return names what may be corrected, and only that.
	unit.want(http.StatusUnprocessableEntity, "invalid", "POST", path+"/return", map[string]any{"opinion": "", "modules": []string{}})
	back := unit.want(http.StatusOK, "", "POST", path+"/return", map[string]any{"opinion": "请核对姓名", "modules": []string{"basic"}})
	form := person.after(back.header.Get("X-Position"), path)
	if form.str("status") != "returned" || form.str("return", "opinion") != "请核对姓名" {
		t.Fatalf("the return is not shown: %s", form.raw)
	}
	for _, m := range form.items("modules") {
		if marked := m["key"] == "basic"; m["marked"] != marked || m["editable"] != marked {
			t.Fatalf("module %v: marked %v, editable %v", m["key"], m["marked"], m["editable"])
		}
	}
	locked := d.Modules[slices.IndexFunc(d.Modules, func(m catalog.Module) bool { return m.Key != "basic" })].Key
	person.want(http.StatusConflict, "module_locked", "PUT", path+"/modules/"+locked, []byte(catalogtest.Form(d)[locked]))
	var data map[string]any
	if err := json.Unmarshal(basic, &data); err != nil {
		t.Fatal(err)
	}
	data["name"] = "王晓明"
	person.want(http.StatusOK, "", "PUT", path+"/modules/basic", data)
	person.want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true})

	// Stage by stage to 终审通过; of two officers at once one wins.
	for _, officer := range []*caller{unit, department, bureau} {
		officer.want(http.StatusOK, "", "POST", path+"/approve", map[string]any{"opinion": "同意"})
	}
	committee.want(http.StatusConflict, "wrong_stage", "POST", path+"/approve", map[string]any{})
	statuses := race(t, 2, func() answer { return committee.do("POST", path+"/approve-final", map[string]any{"opinion": "通过"}) })
	if slices.Sort(statuses); !slices.Equal(statuses, []int{200, 409}) {
		t.Fatalf("two final approvals at once: %v", statuses)
	}

	// Every step shows in the history list, the timeline and the audit trail.
	head := auditor.want(http.StatusOK, "", "GET", path, nil).header.Get("X-Position")
	history := person.after(head, "/declarations").items("items")
	if len(history) != 1 || history[0]["status"] != "approved" || history[0]["statusText"] != "终审通过" {
		t.Fatalf("history %v", history)
	}
	var nodes []string
	for _, n := range person.want(http.StatusOK, "", "GET", path+"/timeline", nil).items("nodes") {
		nodes = append(nodes, fmt.Sprintf("%v:%v:%v", n["round"], n["stage"], n["state"]))
	}
	if want := []string{"1:applicant:done", "1:unit:returned", "2:applicant:done", "2:unit:done", "2:department:done", "2:bureau:done", "2:committee:done"}; !slices.Equal(nodes, want) {
		t.Fatalf("timeline %v, want %v", nodes, want)
	}
	checkAudit(t, auditor, path)
	s.stop()
}

func checkAudit(t *testing.T, auditor *caller, path string) {
	t.Helper()
	entries := auditor.want(http.StatusOK, "", "GET", path+"/audit?limit=200", nil).items("items")
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
func race(t *testing.T, n int, request func() answer) []int {
	t.Helper()
	statuses := make([]int, n)
	var wg sync.WaitGroup
	ready := make(chan struct{})
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			<-ready
			statuses[i] = request().status
		}()
	}
	close(ready)
	wg.Wait()
	return statuses
}
