package documents_test

import (
	"bytes"
	"fmt"
	"image"
	"strings"
	"testing"

	"github.com/ledongthuc/pdf"
	"github.com/xuri/excelize/v2"

	"zhiping/infra/documents"
)

// read answers the text of each page, by way of the characters that the file says its glyphs stand for.
func read(t *testing.T, content []byte) []string {
	t.Helper()
	r, err := pdf.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatalf("not a readable PDF: %v", err)
	}
	var out []string
	for n := 1; n <= r.NumPage(); n++ {
		text, err := r.Page(n).GetPlainText(nil)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.Join(strings.Fields(text), " "))
	}
	return out
}

func table(rows int) documents.Table {
	t := documents.Table{Title: "论文", Columns: []string{"序号", "论文题目", "刊物名称", "发表时间"}}
	for i := range rows {
		t.Rows = append(t.Rows, []string{fmt.Sprint(i + 1), "寒区混凝土的耐久性研究", "Journal of Civil Engineering", "2025-03"})
	}
	return t
}

func form(statement string) documents.Document {
	return documents.Document{
		Title: "专业技术职称评审表", Lines: []string{"编号：ZP-2026-000123　2026年正常职称申报通知", "李雪梅"},
		Photo: image.NewGray(image.Rect(0, 0, 413, 626)),
		Sections: []documents.Section{
			{Title: "基本信息", Fields: []documents.Field{{"姓名", "李雪梅 Li Xuěméi 䶮"}, {"民族", "朝鲜族"}, {"空项", ""}, {"业绩总结", statement}}},
			{Title: "论文", Tables: []documents.Table{table(2), {Columns: []string{"题目", "期刊"}, Rows: [][]string{{"缺列"}}}, {}}},
		},
		Opinions: []documents.Opinion{{Stage: "推荐单位意见", Text: "同意推荐。", Signed: []string{"示范大学（盖章）", "2026年11月24日"}}, {Stage: "评委会意见", Signed: []string{"年 月 日"}}},
		Footer:   func(n, of int) string { return fmt.Sprintf("ZP-2026-000123 第%d页 共%d页", n, of) },
	}
}

func TestFormsArePrinted(t *testing.T) {
	cases := []struct {
		name, statement string
		least, most     int
		contains        []string
	}{
		{"an ordinary form is one page, in Chinese and Latin letters", "长期从事教学科研工作，发表SCI论文3篇（“一作”2篇）……", 1, 1,
			[]string{"专业技术职称评审表", "李雪梅 Li Xuěméi 䶮", "发表SCI论文3篇（“一作”2篇）……", "Journal of Civil Engineering", "同意推荐。", "示范大学（盖章）", "第1页 共1页"}},
		{"a statement longer than a page goes on over the page", strings.Repeat("长期从事教学科研工作。", 400), 3, 5, []string{"第1页", "评委会意见"}},
		{"control characters and broken text do not stop the printer, and what no font has shows that it is missing", "a\x00\x1b🙂\xff\U0010FFFF\r\n二\t三𬱖",
			1, 1, []string{"a〓〓", "二 三〓"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := documents.WritePDF(&out, form(c.statement)); err != nil {
				t.Fatal(err)
			}
			pages := read(t, out.Bytes())
			if n := len(pages); n < c.least || n > c.most {
				t.Fatalf("%d pages, want %d to %d", n, c.least, c.most)
			}
			all := strings.Join(pages, "\n")
			for _, want := range c.contains {
				if !strings.Contains(strings.ReplaceAll(all, " ", ""), strings.ReplaceAll(want, " ", "")) {
					t.Errorf("%q is not in it:\n%s", want, all)
				}
			}
			if !bytes.Contains(out.Bytes(), []byte("/DCTDecode")) {
				t.Error("there is no photo in it")
			}
		})
	}
}

func TestALongTableRepeatsItsHeadingsOnEveryPage(t *testing.T) {
	for _, landscape := range []bool{false, true} {
		d := form("短")
		d.Landscape, d.Sections = landscape, []documents.Section{{Tables: []documents.Table{table(150)}}}
		var out bytes.Buffer
		if err := documents.WritePDF(&out, d); err != nil {
			t.Fatal(err)
		}
		pages := read(t, out.Bytes())
		if len(pages) < 4 {
			t.Fatalf("%d pages", len(pages))
		}
		rows := 0
		for i, text := range pages {
			rows += strings.Count(text, "2025-03")
			if strings.Contains(text, "2025-03") && !strings.Contains(text, "刊物名称") {
				t.Errorf("page %d has rows without headings: %s", i+1, text)
			}
			if want := fmt.Sprintf("第%d页共%d页", i+1, len(pages)); !strings.Contains(strings.ReplaceAll(text, " ", ""), want) {
				t.Errorf("page %d has no %s at its foot", i+1, want)
			}
		}
		if rows != 150 {
			t.Errorf("%d rows, want 150", rows)
		}
	}
}

// Short entries stay on one line beside long ones, also where many columns leave little room for each.
func TestShortEntriesAreNotBroken(t *testing.T) {
	title := strings.Repeat("寒区混凝土的耐久性研究", 4)
	columns := []string{"项目名称", "立项单位", "主办单位级别", "本人排名", "是否结题", "立项时间", "本人承担部分", "刊号与期次", "备注"}
	for n := 3; n <= len(columns); n++ {
		row := []string{title, title, "国家级", "1", "是", "2023-01", title, title, title}[:n]
		var out bytes.Buffer
		d := documents.Document{Sections: []documents.Section{{Tables: []documents.Table{{Columns: columns[:n], Rows: [][]string{row, row}}}}}}
		if err := documents.WritePDF(&out, d); err != nil {
			t.Fatal(err)
		}
		r, err := pdf.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil {
			t.Fatal(err)
		}
		lines := map[float64]string{}
		for _, c := range r.Page(1).Content().Text {
			lines[c.Y] += c.S
		}
		whole := 0
		for _, line := range lines {
			whole += strings.Count(line, "国家级")
		}
		if whole != 2 {
			t.Errorf("%d columns: 国家级 stands %d times on a line, want twice: %v", n, whole, lines)
		}
	}
}

func TestAWorkbookHoldsTextOnly(t *testing.T) {
	s := documents.Sheet{Title: "待审核申报", Table: documents.Table{Columns: []string{"姓名", "身份证号", "备注"}, Rows: [][]string{
		{"李雪梅", "x", "@SUM(A1)"}, {"=1+1", "44052418800101001\x004", "王\n芳"}}}}
	var out bytes.Buffer
	if err := documents.WriteWorkbook(&out, s); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for cell, want := range map[string]string{"A1": "待审核申报", "A2": "姓名", "A3": "李雪梅", "C3": "@SUM(A1)", "A4": "=1+1", "B4": "440524188001010014", "C4": "王\n芳"} {
		if got, err := f.GetCellValue("Sheet1", cell); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", cell, got, err, want)
		}
		if formula, err := f.GetCellFormula("Sheet1", cell); err != nil || formula != "" {
			t.Errorf("a formula was made of text in %s: %q (%v)", cell, formula, err)
		}
		id, err := f.GetCellStyle("Sheet1", cell)
		if err != nil {
			t.Fatal(err)
		}
		if style, err := f.GetStyle(id); err != nil || style.NumFmt != 49 {
			t.Errorf("%s is not formatted as text, so an edit would make a formula of it: %v, %v", cell, style, err)
		}
	}
	if w, err := f.GetColWidth("Sheet1", "B"); err != nil || w < 18 {
		t.Errorf("an identity number does not fit into a column %v wide (%v)", w, err)
	}
}
