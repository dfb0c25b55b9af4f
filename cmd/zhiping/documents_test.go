package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	reader "github.com/ledongthuc/pdf"
	"github.com/xuri/excelize/v2"

	"zhiping/domain/catalog"
	"zhiping/domain/catalog/catalogtest"
)

// document downloads a PDF and answers its text without blanks, which printing breaks lines at.
func document(t testing.TB, c *caller, path, kind string, header ...string) string {
	t.Helper()
	a := c.want(http.StatusOK, "", "GET", path+"/documents/"+kind, nil, header...)
	if ct := a.header.Get("Content-Type"); ct != "application/pdf" {
		t.Fatalf("%s as %q", kind, ct)
	}
	r, err := reader.NewReader(bytes.NewReader(a.raw), int64(len(a.raw)))
	if err != nil {
		t.Fatalf("%s is no readable PDF: %v", kind, err)
	}
	var all strings.Builder
	for n := 1; n <= r.NumPage(); n++ {
		text, err := r.Page(n).GetPlainText(nil)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(text)
	}
	return strings.Join(strings.Fields(all.String()), "")
}

func contains(t testing.TB, what, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, strings.ReplaceAll(p, " ", "")) {
			t.Errorf("%s lacks %q:\n%s", what, p, text)
		}
	}
}

func basicOf(t testing.TB, d catalog.Definition) (name, idNumber, phone string) {
	t.Helper()
	var basic struct{ Name, IDNumber, Phone string }
	if err := json.Unmarshal(catalogtest.Form(d)["basic"], &basic); err != nil || basic.IDNumber == "" || basic.Phone == "" {
		t.Fatalf("%+v, %v", basic, err)
	}
	return basic.Name, basic.IDNumber, basic.Phone
}

// printedDocuments downloads every document of a submitted declaration.
func printedDocuments(t *testing.T, person *caller, path string, d catalog.Definition) {
	t.Helper()
	name, idNumber, phone := basicOf(t, d)
	form := document(t, person, path, "review-form")
	contains(t, "review form", form, "专业技术职称评审表", name, idNumber, phone, "本人承诺")
	for _, m := range d.Modules {
		contains(t, "review form", form, m.Name.ZH)
	}
	for _, st := range demoRoute(d) {
		contains(t, "review form", form, st.Name.ZH)
	}
	for kind, title := range map[string]string{"summary": "一览表", "notice-sheet": "公示表"} {
		sheet := document(t, person, path, kind)
		contains(t, kind, sheet, title, name, "示范大学")
		for _, secret := range []string{idNumber, phone} {
			if strings.Contains(sheet, secret) {
				t.Errorf("the %s shows %s:\n%s", kind, secret, sheet)
			}
		}
	}
}

func TestDocumentsOfADeclaration(t *testing.T) {
	s := start(t, t.TempDir(), "--demo")
	d := definitionOf(t, "title.regular")
	person, other, unit, department := s.as("applicant"), s.as("applicant2"), s.as("unit"), s.as("department")
	bind(person, unit, university)
	id := begin(person, d)
	path := "/declarations/" + id
	complete(person, d, id)
	_, idNumber, phone := basicOf(t, d)

	// People write into any field what was asked for in another.
	var papers map[string]any
	if err := json.Unmarshal(catalogtest.Form(d)["papers"], &papers); err != nil {
		t.Fatal(err)
	}
	entries, _ := papers["entries"].([]any)
	entry, _ := entries[0].(map[string]any)
	entry["title"] = "Durability of concrete（联系电话" + phone + "，证件" + strings.ToLower(idNumber) + "）"
	person.want(http.StatusOK, "", "PUT", path+"/modules/papers", papers)

	for _, kind := range []string{"review-form", "summary", "notice-sheet"} {
		person.want(http.StatusConflict, "not_submitted", "GET", path+"/documents/"+kind, nil)
	}
	person.want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true})
	unit.want(http.StatusOK, "", "POST", path+"/return", map[string]any{"opinion": "请核对论文", "modules": []string{"papers"}})
	contains(t, "a returned form", document(t, person, path, "review-form"), "被退回", "审核结论：退回修改", "请核对论文")
	person.want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true})
	if again := document(t, person, path, "review-form"); strings.Contains(again, "请核对论文") {
		t.Errorf("a stage that is asked anew shows its earlier opinion:\n%s", again)
	}
	unit.want(http.StatusOK, "", "POST", path+"/approve", map[string]any{"opinion": "同意推荐，材料属实"})

	form := document(t, department, path, "review-form")
	contains(t, "review form", form, "Durability of concrete", phone, idNumber, "推荐单位审核", "审核结论：通过", "同意推荐，材料属实", "示范大学（盖章）", "第1页")
	raw := department.want(http.StatusOK, "", "GET", path+"/documents/review-form", nil).raw
	if !bytes.Contains(raw, []byte("/DCTDecode")) {
		t.Error("the review form has no photo")
	}
	contains(t, "English form", document(t, person, path, "review-form", "Accept-Language", "en"), "Review form", "Recommending unit", "Decision: passed", "Page 1 of")

	notice := document(t, unit, path, "notice-sheet")
	contains(t, "notice sheet", notice, "公示表", "Durability of concrete（联系电话***，证件***）", "如有异议，请向示范大学反映")
	for _, closed := range []string{phone, idNumber, strings.ToLower(idNumber), "出生日期", "证书编号", "业绩总结"} {
		if strings.Contains(notice, closed) {
			t.Errorf("the notice sheet shows %q:\n%s", closed, notice)
		}
	}
	for _, kind := range []string{"review-form", "summary", "notice-sheet"} {
		other.want(http.StatusNotFound, "", "GET", path+"/documents/"+kind, nil)
	}

	list := department.want(http.StatusOK, "", "GET", "/worklist/export", nil)
	f, err := excelize.OpenReader(bytes.NewReader(list.raw))
	if err != nil {
		t.Fatalf("a workbook of %.20q: %v", list.raw, err)
	}
	defer func() { _ = f.Close() }()
	rows, err := f.GetRows("Sheet1")
	if err != nil || len(rows) != 3 || !strings.Contains(rows[0][0], "待审核") || rows[1][0] != "申报编号" || !slices.Contains(rows[2], "示范大学") {
		t.Fatalf("%v, %v", rows, err)
	}
}
