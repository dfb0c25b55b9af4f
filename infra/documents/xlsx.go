package documents

import (
	"fmt"
	"io"

	"github.com/xuri/excelize/v2"
)

// WriteWorkbook writes a sheet's table as XLSX. Every cell is text, so an entry that looks like a formula is never
// run by the spreadsheet, and identity numbers keep all their digits.
func WriteWorkbook(w io.Writer, s Sheet) (err error) {
	f := excelize.NewFile()
	defer func() {
		if e := f.Close(); err == nil && e != nil {
			err = fmt.Errorf("documents: close workbook: %w", e)
		}
	}()
	rows, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		return fmt.Errorf("documents: new workbook: %w", err)
	}
	for i, r := range append([][]string{s.Table.Columns}, s.Table.Rows...) {
		cells := make([]any, len(r))
		for k, v := range r {
			cells[k] = clean(v)
		}
		if err := rows.SetRow(fmt.Sprintf("A%d", i+1), cells); err != nil {
			return fmt.Errorf("documents: row %d: %w", i+1, err)
		}
	}
	if err := rows.Flush(); err != nil {
		return fmt.Errorf("documents: flush workbook: %w", err)
	}
	if _, err := f.WriteTo(w); err != nil {
		return fmt.Errorf("documents: write workbook: %w", err)
	}
	return nil
}
