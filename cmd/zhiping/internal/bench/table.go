package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// report prints rows of cells as a table under a header, and the result as a line of JSON.
func report(out io.Writer, header []string, rows [][]string, result any) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range append([][]string{header}, rows...) {
		fmt.Fprintln(w, strings.Join(row, "\t")+"\t")
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if err := json.NewEncoder(out).Encode(result); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}

// figureHeader names the columns of figures.
func figureHeader(title string) []string {
	return []string{title, "callers", "per second", "p50 ms", "p99 ms", "errors"}
}

// row is the figure as cells of the table.
func (f figure) row() []string {
	return []string{f.Name, fmt.Sprint(f.Callers), fmt.Sprintf("%.0f", f.PerSec), fmt.Sprintf("%.2f", f.P50), fmt.Sprintf("%.2f", f.P99), fmt.Sprint(f.Errors)}
}

func figureRows(figures []figure) (rows [][]string) {
	for _, f := range figures {
		rows = append(rows, f.row())
	}
	return rows
}
