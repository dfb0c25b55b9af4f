package documents_test

import (
	"bytes"
	"testing"

	"github.com/xuri/excelize/v2"

	"zhiping/infra/documents"
)

// Whatever people have entered can be printed, and no cell of a workbook becomes a formula.
func FuzzDocuments(f *testing.F) {
	f.Add("李雪梅", "=HYPERLINK(\"http://x\")")
	f.Add("a\x00\x1b\xff🙂", "\u202e+1\t-2")
	f.Add("（（（（", "“”\ufeff\n\n。。。。。")
	f.Fuzz(func(t *testing.T, name, cell string) {
		if len(name)+len(cell) > 2000 {
			t.Skip("long entries have their own test")
		}
		var pdf, book bytes.Buffer
		table := documents.Table{Columns: []string{name, "值"}, Rows: [][]string{{cell, name}}}
		form := documents.Document{
			Title: name, Lines: []string{cell}, Opinions: []documents.Opinion{{Stage: name, Text: cell, Signed: []string{name}}},
			Sections: []documents.Section{{Title: cell, Fields: []documents.Field{{name, cell}}, Tables: []documents.Table{table}}},
		}
		if err := documents.WritePDF(&pdf, form); err != nil {
			t.Fatalf("%q %q: %v", name, cell, err)
		}
		if err := documents.WriteWorkbook(&book, documents.Sheet{Title: name, Table: table}); err != nil {
			t.Fatalf("%q %q: %v", name, cell, err)
		}
		x, err := excelize.OpenReader(&book)
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close() //nolint:errcheck // in memory
		for _, sheet := range x.GetSheetList() {
			for _, at := range []string{"A1", "A2", "B2", "A3", "B3", "A4", "B4"} {
				if formula, err := x.GetCellFormula(sheet, at); err != nil || formula != "" {
					t.Fatalf("%s holds %q, %v", at, formula, err)
				}
			}
		}
	})
}
