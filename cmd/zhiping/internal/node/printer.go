package node

import (
	"io"

	"zhiping/http"
	"zhiping/infra/documents"
)

// printer gives the edge the documents that people print.
type printer struct{}

func (printer) Document(w io.Writer, d http.PrintedDocument) error {
	out := documents.Document{Title: d.Title, Lines: d.Lines, Photo: d.Photo, Landscape: d.Landscape, Footer: d.Footer}
	for _, s := range d.Sections {
		section := documents.Section{Title: s.Title}
		for _, f := range s.Fields {
			section.Fields = append(section.Fields, documents.Field(f))
		}
		for _, t := range s.Tables {
			section.Tables = append(section.Tables, documents.Table(t))
		}
		out.Sections = append(out.Sections, section)
	}
	for _, o := range d.Opinions {
		out.Opinions = append(out.Opinions, documents.Opinion(o))
	}
	return documents.WritePDF(w, out)
}

func (printer) Workbook(w io.Writer, title string, t http.PrintedTable) error {
	return documents.WriteWorkbook(w, documents.Sheet{Title: title, Table: documents.Table(t)})
}
