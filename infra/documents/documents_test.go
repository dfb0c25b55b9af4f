package documents_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/xuri/excelize/v2"

	"zhiping/infra/documents"
)

func pages(t *testing.T, pdf []byte) int {
	t.Helper()
	n, err := api.PageCount(bytes.NewReader(pdf), nil)
	if err != nil {
		t.Fatalf("not a readable PDF: %v", err)
	}
	return n
}

func list(rows int) documents.Sheet {
	s := documents.Sheet{
		Title: "专业技术职称申报人员公示表",
		Notes: []string{"推荐单位：示范大学", "公示期间如有异议，请向推荐单位反映。"},
		Table: documents.Table{
			Columns: []string{"序号", "姓名", "申报专业", "申报职称", "主要业绩"},
			Widths:  []float64{1, 2, 3, 3, 8},
		},
	}
	for i := range rows {
		s.Table.Rows = append(s.Table.Rows, []string{fmt.Sprint(i + 1), "李雪梅", "土木工程", "副教授", strings.Repeat("主持省级科研项目两项。", 4)})
	}
	return s
}

func form(statement string) documents.Form {
	return documents.Form{
		Title: "专业技术职称评审表", Subtitle: "编号：ZP-2026-000123　2026年正常职称申报通知",
		Sections: []documents.Section{
			{Title: "基本信息", Fields: []documents.Field{{"姓名", "李雪梅 Li Xuemei"}, {"民族", "朝鲜族"}, {"空项", ""}, {"业绩总结", statement}}},
			{Title: "论文", Tables: []documents.Table{{Columns: []string{"题目", "期刊", "年月"}, Rows: [][]string{{"寒区混凝土的耐久性研究", "土木工程学报", "2025-03"}, {"缺列"}}}}},
		},
	}
}

func TestFormsArePrinted(t *testing.T) {
	cases := []struct {
		name, statement string
		atLeast         int
	}{
		{"an ordinary form is one page", "长期从事教学科研工作。", 1},
		{"a statement longer than a page goes on over the page", strings.Repeat("长期从事教学科研工作。", 400), 2},
		{"characters that no font has, control characters and broken text do not stop the printer", "a\x00\x1b🙂\xff\U0010FFFF\r\n二\t三", 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := documents.WriteForm(&out, form(c.statement)); err != nil {
				t.Fatal(err)
			}
			if n := pages(t, out.Bytes()); n < c.atLeast || n > c.atLeast+2 {
				t.Fatalf("%d pages, want about %d", n, c.atLeast)
			}
		})
	}
}

func TestASheetOfManyRowsTakesMorePages(t *testing.T) {
	var short, long bytes.Buffer
	if err := documents.WriteSheet(&short, list(3)); err != nil {
		t.Fatal(err)
	}
	if err := documents.WriteSheet(&long, list(100)); err != nil {
		t.Fatal(err)
	}
	if a, b := pages(t, short.Bytes()), pages(t, long.Bytes()); a != 1 || b < 4 {
		t.Fatalf("%d and %d pages", a, b)
	}
}

func TestAWorkbookHoldsTextOnly(t *testing.T) {
	s := list(1)
	s.Table.Rows = append(s.Table.Rows, []string{"=1+1", "44052418800101001\x004", "王\n芳"})
	var out bytes.Buffer
	if err := documents.WriteWorkbook(&out, s); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for cell, want := range map[string]string{"A1": "序号", "B2": "李雪梅", "A3": "=1+1", "B3": "440524188001010014", "C3": "王\n芳"} {
		if got, err := f.GetCellValue("Sheet1", cell); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", cell, got, err, want)
		}
	}
	if formula, err := f.GetCellFormula("Sheet1", "A3"); err != nil || formula != "" {
		t.Errorf("a formula was made of text: %q (%v)", formula, err)
	}
}
