package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	reader "github.com/ledongthuc/pdf"
	"github.com/xuri/excelize/v2"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/cmd/zhiping/internal/demo"
	"zhiping/domain/catalog"
	"zhiping/domain/catalog/catalogtest"
)

// document downloads a PDF and answers its text without blanks, which printing breaks lines at.
func document(t testing.TB, c *world.Caller, path, kind string, header ...string) string {
	t.Helper()
	a := c.Want(http.StatusOK, "", "GET", path+"/documents/"+kind, nil, header...)
	if ct := a.Header.Get("Content-Type"); ct != "application/pdf" {
		t.Fatalf("%s as %q", kind, ct)
	}
	r, err := reader.NewReader(bytes.NewReader(a.Raw), int64(len(a.Raw)))
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
func printedDocuments(t *testing.T, person *world.Caller, path string, d catalog.Definition) {
	t.Helper()
	name, idNumber, phone := basicOf(t, d)
	form := document(t, person, path, "review-form")
	contains(t, "review form", form, map[string]string{"title": "专业技术职称评审表", "special": "高层次和特殊人才职称认定表", "grade2-appointment": "专业技术二级岗位评聘表",
		"grade2-assessment": "专业技术二级岗位聘期考核表", "grade3-assessment": "专业技术三级岗位聘期考核表"}[d.Line], name, idNumber, phone, "本人承诺")
	if strings.Contains(form, "无现任职称否") {
		t.Error("a double negative is printed")
	}
	for _, m := range d.Modules {
		contains(t, "review form", form, m.Name.ZH)
	}
	for _, st := range demoRoute(d) {
		contains(t, "review form", form, st.Name.ZH)
	}
	for kind, title := range map[string]string{"summary": "一览表", "notice-sheet": "公示表"} {
		sheet := document(t, person, path, kind)
		contains(t, kind, sheet, title, name, "示范大学")
		if kind == "summary" {
			contains(t, kind, sheet, "第1页共1页")
		}
		for _, secret := range []string{idNumber, phone} {
			if strings.Contains(sheet, secret) {
				t.Errorf("the %s shows %s:\n%s", kind, secret, sheet)
			}
		}
	}
}

func TestDocumentsOfADeclaration(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo")
	d := world.Definition(t, "title.regular")
	person, other, unit, department := s.As("applicant"), s.As("applicant2"), s.As("unit"), s.As("department")
	world.Bind(person, unit, world.University)
	id := world.StartDeclaration(person, d)
	path := "/declarations/" + id
	world.FillIn(person, d, id)
	_, idNumber, phone := basicOf(t, d)

	// People write into any field what was asked for in another.
	var papers map[string]any
	if err := json.Unmarshal(catalogtest.Form(d)["papers"], &papers); err != nil {
		t.Fatal(err)
	}
	entries, _ := papers["entries"].([]any)
	entry, _ := entries[0].(map[string]any)
	entry["title"] = "Durability of concrete（联系电话" + phone + "，证件" + strings.ToLower(idNumber) + "）"
	person.Want(http.StatusOK, "", "PUT", path+"/modules/papers", papers)

	for _, kind := range []string{"review-form", "summary", "notice-sheet"} {
		person.Want(http.StatusConflict, "not_submitted", "GET", path+"/documents/"+kind, nil)
	}
	person.Want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true})
	unit.Want(http.StatusOK, "", "POST", path+"/return", map[string]any{"opinion": "请核对论文", "modules": []string{"papers"}})
	contains(t, "a returned form", document(t, person, path, "review-form"), "被退回", "审核结论：退回修改", "请核对论文")
	// What is corrected shows once it is submitted, with its pledge; until then everybody prints what was.
	entry["title"] = "Corrected title"
	person.Want(http.StatusOK, "", "PUT", path+"/modules/papers", papers)
	for _, c := range []*world.Caller{person, unit, department} {
		for _, kind := range []string{"review-form", "notice-sheet"} {
			printed := document(t, c, path, kind)
			contains(t, "a form under correction", printed, "Durability of concrete")
			if strings.Contains(printed, "Correctedtitle") {
				t.Errorf("a %s shows what was never submitted:\n%s", kind, printed)
			}
		}
	}
	person.Want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true})
	contains(t, "the corrected form", document(t, person, path, "review-form"), "Corrected title")
	entry["title"] = "Durability of concrete（联系电话" + phone + "，证件" + strings.ToLower(idNumber) + "）"
	unit.Want(http.StatusOK, "", "POST", path+"/return", map[string]any{"opinion": "再核对论文", "modules": []string{"papers"}})
	person.Want(http.StatusOK, "", "PUT", path+"/modules/papers", papers)
	person.Want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true})
	if again := document(t, person, path, "review-form"); strings.Contains(again, "请核对论文") {
		t.Errorf("a stage that is asked anew shows its earlier opinion:\n%s", again)
	}
	unit.Want(http.StatusOK, "", "POST", path+"/approve", map[string]any{"opinion": "同意推荐，材料属实"})

	form := document(t, department, path, "review-form")
	contains(t, "review form", form, "Durability of concrete", phone, idNumber, "推荐单位审核", "审核结论：通过", "同意推荐，材料属实", "示范大学（盖章）", "第1页")
	raw := department.Want(http.StatusOK, "", "GET", path+"/documents/review-form", nil).Raw
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
		other.Want(http.StatusNotFound, "", "GET", path+"/documents/"+kind, nil)
	}

	rows := workbook(t, department, "/worklist/export")
	if len(rows) != 3 || rows[0][0] != demo.Department.Name+"待审核申报列表" || rows[1][0] != "申报编号" || !slices.Contains(rows[2], "示范大学") {
		t.Fatalf("%v", rows)
	}
}

// workbook downloads a list and answers its rows: the title, the headings, and the declarations.
func workbook(t *testing.T, c *world.Caller, path string) [][]string {
	t.Helper()
	a := c.Want(http.StatusOK, "", "GET", path, nil)
	f, err := excelize.OpenReader(bytes.NewReader(a.Raw))
	if err != nil {
		t.Fatalf("a workbook of %.20q: %v", a.Raw, err)
	}
	defer func() { _ = f.Close() }()
	rows, err := f.GetRows("Sheet1")
	if err != nil || len(rows) < 2 {
		t.Fatalf("%v, %v", rows, err)
	}
	return rows
}

// A unit has its list after the decisions too, by notice, type and status; what is under correction is listed as it was
// submitted. The list of what waits can be narrowed, and is called after its organization whoever asks.
func TestListsAreExported(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo")
	regular, plain := world.Definition(t, "title.regular"), world.Definition(t, "grade3.assessment")
	person, unit, bureau := s.As("applicant"), s.As("unit"), s.As("bureau")
	world.Bind(person, unit, world.University)
	notices := []string{publish(bureau, noticeBody(regular.Type, nil)), publish(bureau, noticeBody(plain.Type, nil))}
	var paths []string
	for i, d := range []catalog.Definition{regular, plain} {
		paths = append(paths, declare(person, d, notices[i]))
		person.Want(http.StatusOK, "", "POST", paths[i]+"/submit", pledge)
	}
	for query, want := range map[string]int{"": 2, "?type=" + plain.Type: 1, "?stage=unit": 2, "?stage=department": 0, "?type=title.none": 0} {
		if rows := workbook(t, unit, "/worklist/export"+query); len(rows) != 2+want || rows[0][0] != "示范大学待审核申报列表" {
			t.Errorf("%s: %v", query, rows)
		}
	}
	if rows := workbook(t, s.As("auditor"), "/worklist/export?organization="+demo.Department.ID); rows[0][0] != demo.Department.Name+"待审核申报列表" {
		t.Errorf("an auditor's list is called %v", rows[0])
	}
	unit.Want(http.StatusOK, "", "POST", paths[0]+"/return", map[string]any{"opinion": "请核对", "modules": []string{"application"}})
	unit.Want(http.StatusOK, "", "POST", paths[1]+"/terminate", map[string]any{"opinion": "不符合条件"})
	var aim struct{ Level, Series, Title string }
	raw := catalogtest.Form(regular)["application"]
	if err := json.Unmarshal(raw, &aim); err != nil {
		t.Fatal(err)
	}
	person.Want(http.StatusOK, "", "PUT", paths[0]+"/modules/application", []byte(catalogtest.With(raw, map[string]any{"title": "改后的职称"})))
	export := "/organizations/" + world.University + "/declarations/export"
	for query, want := range map[string][]string{
		"": {"审核不通过终止审核", "被退回"}, "?status=returned": {"被退回"}, "?notice=" + notices[1]: {"审核不通过终止审核"}, "?type=" + regular.Type: {"被退回"}, "?status=approved": nil,
	} {
		rows := workbook(t, unit, export+query)
		var statuses []string
		for _, r := range rows[2:] {
			statuses = append(statuses, r[8])
			if r[8] == "被退回" && (r[1] != "王小明" || r[5] != aim.Level || r[6] != aim.Series || r[7] != aim.Title || r[3] != regular.Name.ZH) {
				t.Errorf("%v, want what was submitted, %+v", r, aim)
			}
		}
		if !slices.Equal(statuses, want) || rows[0][0] != "示范大学申报情况一览表" {
			t.Errorf("%s: %v", query, rows)
		}
	}
	s.As("unit2").Want(http.StatusNotFound, "", "GET", export, nil)
	if n := len(unit.Want(http.StatusOK, "", "GET", strings.TrimSuffix(export, "/export")+"?notice="+notices[0], nil).Items("items")); n != 1 {
		t.Errorf("%d of one notice", n)
	}
	s.Stop()
}
