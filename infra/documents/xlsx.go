package documents

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// Sheet is a list that people work on in a spreadsheet.
type Sheet struct {
	Title string // above the headings; empty: none
	Table Table
}

// Bounds of a column's width, in characters of the spreadsheet's own font.
const (
	narrowest = 6.0
	widest    = 60.0
)

// WriteWorkbook writes a sheet as XLSX. Every cell is text and formatted as text, so an entry that looks like a formula
// is never run by the spreadsheet, not even after it was edited, and identity numbers keep all their digits.
func WriteWorkbook(w io.Writer, s Sheet) (err error) {
	f := excelize.NewFile()
	defer func() {
		if e := f.Close(); err == nil && e != nil {
			err = fmt.Errorf("documents: close workbook: %w", e)
		}
	}()
	if err := writeRows(f, s); err != nil {
		return fmt.Errorf("documents: workbook: %w", err)
	}
	if _, err := f.WriteTo(w); err != nil {
		return fmt.Errorf("documents: write workbook: %w", err)
	}
	return nil
}

func writeRows(f *excelize.File, s Sheet) error {
	rows, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		return err
	}
	styles := map[string]int{}
	for name, font := range map[string]*excelize.Font{"title": {Bold: true, Size: 16}, "head": {Bold: true}, "body": nil} {
		if styles[name], err = f.NewStyle(&excelize.Style{Font: font, NumFmt: 49, Alignment: &excelize.Alignment{WrapText: name != "title", Vertical: "top"}}); err != nil {
			return err
		}
	}
	for i, width := range columnWidths(s.Table) {
		if err := rows.SetColWidth(i+1, i+1, width); err != nil {
			return err
		}
	}
	heads := 1
	if s.Title != "" {
		heads = 2
	}
	// The headings stay in sight.
	if err := rows.SetPanes(&excelize.Panes{Freeze: true, YSplit: heads, TopLeftCell: fmt.Sprintf("A%d", heads+1), ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	next := 1
	write := func(style string, values []string) error {
		cells := make([]any, len(values))
		for k, v := range values {
			cells[k] = excelize.Cell{StyleID: styles[style], Value: clean(v)}
		}
		next++
		return rows.SetRow(fmt.Sprintf("A%d", next-1), cells)
	}
	if s.Title != "" {
		if err := write("title", []string{s.Title}); err != nil {
			return err
		}
	}
	if err := write("head", s.Table.Columns); err != nil {
		return err
	}
	for _, r := range s.Table.Rows {
		if err := write("body", r); err != nil {
			return err
		}
	}
	return rows.Flush()
}

// columnWidths makes room for the longest text of each column; a Chinese character takes two Latin ones' room.
func columnWidths(t Table) []float64 {
	out := make([]float64, len(t.Columns))
	for i := range out {
		out[i] = narrowest
	}
	for _, r := range append([][]string{t.Columns}, t.Rows...) {
		for i := range min(len(r), len(out)) {
			latin := float64(utf8.RuneCountInString(r[i]))
			chinese := float64(len(r[i])-utf8.RuneCountInString(r[i])) / 2
			out[i] = min(widest, max(out[i], latin+chinese+2))
		}
	}
	return out
}
