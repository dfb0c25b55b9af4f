package documents

// Table is rows of text under column headings. Widths are relative; nil shares the width evenly.
type Table struct {
	Title   string
	Columns []string
	Widths  []float64
	Rows    [][]string
}

// Field is one filled-in place of a form.
type Field struct{ Label, Value string }

// Section is one module of a form: its single fields, then its tables.
type Section struct {
	Title  string
	Fields []Field
	Tables []Table
}

// Form is a document about one declaration, such as the review form (评审表).
type Form struct {
	Title    string
	Subtitle string // such as the declaration's number and notice
	Sections []Section
}

// Sheet is a document that lists people or achievements: the summary (一览表), the notice sheet (公示表), and a
// unit's list. Notes are printed above the table.
type Sheet struct {
	Title string
	Notes []string
	Table Table
}
