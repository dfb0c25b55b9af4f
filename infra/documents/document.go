// Package documents prints declarations as PDF and lists as XLSX. Callers hand in finished text: it knows neither
// modules nor languages, so one printer serves every declaration type. It imports nothing of ours. The fonts are
// embedded, because a PDF must read the same wherever it is opened and servers rarely have Chinese fonts.
package documents

import (
	"image"
	"io"
)

// Document is something about one declaration that is printed and signed: the review form (评审表), the summary
// (一览表) or the notice sheet (公示表).
type Document struct {
	Title     string
	Lines     []string    // below the title, such as the declaration's number and notice
	Photo     image.Image // beside the first section; nil: none
	Landscape bool        // on its side, for wide tables
	Sections  []Section
	Opinions  []Opinion
	// Footer is the line at the foot of a page.
	Footer func(page, pages int) string
}

// Section is one part of a document: its single fields, then its tables. Without a title no heading is printed.
type Section struct {
	Title  string
	Fields []Field
	Tables []Table
}

// Field is one filled-in place of a form.
type Field struct{ Label, Value string }

// Table is rows of text under column headings, which are repeated on every page. Columns are as wide as what is in them asks.
type Table struct {
	Title   string
	Columns []string
	Rows    [][]string
}

// Opinion is the place of one stage's opinion, with what is signed and sealed below it.
type Opinion struct {
	Stage  string
	Text   string
	Signed []string
}

// WritePDF prints a document on A4 pages.
func WritePDF(w io.Writer, d Document) error {
	p, err := newPrinter(d)
	if err != nil {
		return err
	}
	p.title(d)
	for i, s := range d.Sections {
		if i == 0 && d.Photo != nil {
			p.besidePhoto(d.Photo, s)
			continue
		}
		p.section(s)
	}
	for _, o := range d.Opinions {
		p.opinion(o)
	}
	return p.finish(w, d.Footer)
}
