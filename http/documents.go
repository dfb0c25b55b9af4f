package http

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"zhiping/domain/declaration"
	"zhiping/domain/text"
	"zhiping/readmodels"
	"zhiping/readmodels/views"
)

// PrintedTable is rows of text under column headings.
type PrintedTable struct {
	Title   string
	Columns []string
	Rows    [][]string
}

// PrintedSection is one module of a printed form.
type PrintedSection struct {
	Title  string
	Fields [][2]string // label and value
	Tables []PrintedTable
}

// Printer makes documents that people print and sign. Safe for concurrent use.
type Printer interface {
	// Form prints a PDF.
	Form(w io.Writer, title, subtitle string, sections []PrintedSection) error
	// Workbook writes XLSX.
	Workbook(w io.Writer, table PrintedTable) error
}

func (s *Server) documentRoutes() {
	handle(s, route{"GET", "/declarations/{id}/documents/review-form", "The review form (评审表) of a submitted declaration, as PDF", "viewDeclaration", 200}, s.reviewForm)
	handle(s, route{"GET", "/worklist/export", "What waits for the caller's organization, as XLSX", "viewWorklist", 200}, s.exportWorklist)
}

func (s *Server) reviewForm(ctx context.Context, in *ByID) (*huma.StreamResponse, error) {
	d, err := s.formDoc(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if d.State.Round == 0 {
		return nil, declaration.ErrNotSubmitted
	}
	checker, err := s.Executor.Checker(ctx, d.State.Notice.ID)
	if err != nil {
		return nil, err
	}
	lang := requestOf(ctx).lang
	var sections []PrintedSection
	for _, m := range checker.Definition().Modules {
		sections = append(sections, printed(m.Name.In(lang), m.Schema, d.State.Modules[m.Key], lang))
	}
	if r := checker.Definition().Recommender; r != nil {
		for i, expert := range d.State.Recommenders {
			sections = append(sections, printed(text.Of("document.recommender", text.Args{"n": i + 1}).In(lang), r.Schema, expert.Data, lang))
		}
	}
	sections = append(sections, PrintedSection{Title: text.Of("commitment", nil).In(lang)})
	var b bytes.Buffer
	subtitle := fmt.Sprintf("%s  %s  %s  %s", d.State.Number, d.State.Notice.Title, d.State.Applicant.Name, d.State.Unit.Name)
	if err := s.Printer.Form(&b, text.Of("document.review_form", nil).In(lang), subtitle, sections); err != nil {
		return nil, err
	}
	return sent(ctx, "application/pdf", d.State.Number+".pdf", b.Bytes()), nil
}

// sent is a whole file.
func sent(ctx context.Context, contentType, name string, content []byte) *huma.StreamResponse {
	c := requestOf(ctx).fiber
	return &huma.StreamResponse{Body: func(huma.Context) {
		c.Set(fiber.HeaderContentType, contentType)
		c.Set(fiber.HeaderContentDisposition, "attachment; filename*=UTF-8''"+url.PathEscape(name))
		c.Status(fiber.StatusOK).Context().SetBody(content)
	}}
}

// property is one field of a schema, in the order of the form.
type property struct {
	key, title string
	labels     map[string]string
	items      json.RawMessage
}

// properties reads a schema's fields in their order, which a map would lose.
func properties(schema json.RawMessage, lang string) []property {
	var s struct{ Properties json.RawMessage }
	if json.Unmarshal(schema, &s) != nil {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(s.Properties))
	if _, err := dec.Token(); err != nil {
		return nil
	}
	var out []property
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return out
		}
		var p struct {
			Title   string            `json:"title"`
			TitleEN string            `json:"x-title-en"`
			Labels  map[string]string `json:"x-labels"`
			Items   json.RawMessage   `json:"items"`
		}
		if dec.Decode(&p) != nil {
			return out
		}
		name, _ := key.(string)
		out = append(out, property{name, text.Text{ZH: p.Title, EN: p.TitleEN}.In(lang), p.Labels, p.Items})
	}
	return out
}

func printed(title string, schema, data json.RawMessage, lang string) PrintedSection {
	section := PrintedSection{Title: title}
	values := map[string]any{}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	_ = dec.Decode(&values) // a module that was never saved prints empty
	for _, p := range properties(schema, lang) {
		rows, list := values[p.key].([]any)
		if p.items == nil {
			section.Fields = append(section.Fields, [2]string{p.title, shown(values[p.key], p, lang)})
			continue
		}
		table := PrintedTable{Title: p.title}
		columns := properties(p.items, lang)
		for _, c := range columns {
			table.Columns = append(table.Columns, c.title)
		}
		for _, row := range rows {
			m, _ := row.(map[string]any)
			var cells []string
			for _, c := range columns {
				cells = append(cells, shown(m[c.key], c, lang))
			}
			table.Rows = append(table.Rows, cells)
		}
		if list {
			section.Tables = append(section.Tables, table)
		}
	}
	return section
}

func shown(v any, p property, lang string) string {
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		if v {
			return text.Of("answer.yes", nil).In(lang)
		}
		return text.Of("answer.no", nil).In(lang)
	case string:
		if label := p.labels[v]; label != "" {
			return label
		}
		return v
	}
	return fmt.Sprint(v)
}

// exported bounds a workbook; a longer list is split by stage or type.
const exported = 10_000

func (s *Server) exportWorklist(ctx context.Context, in *struct{ OfOrganization }) (*huma.StreamResponse, error) {
	rq := requestOf(ctx)
	organization, err := in.visible(rq.actor, "viewWorklist")
	if err != nil {
		return nil, err
	}
	table := PrintedTable{Columns: strings.Split(text.Of("document.worklist_columns", nil).In(rq.lang), "|")}
	q := readmodels.Query{Equal: map[string]any{"organization": organization}, Sort: "entered", Limit: 200}
	for len(table.Rows) < exported {
		page, err := views.Worklists.Find(ctx, s.Reader, q)
		if err != nil {
			return nil, err
		}
		for _, i := range page.Items {
			d := i.Doc
			table.Rows = append(table.Rows, []string{d.Number, d.Applicant.Name, d.Unit.Name, d.Notice.Title, d.StageName.In(rq.lang),
				fmt.Sprint(d.Round), d.SubmittedAt.UTC().Format("2006-01-02"), d.EnteredAt.UTC().Format("2006-01-02")})
		}
		if page.Next == nil {
			break
		}
		q.After = page.Next
	}
	var b bytes.Buffer
	if err := s.Printer.Workbook(&b, table); err != nil {
		return nil, err
	}
	return sent(ctx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "worklist.xlsx", b.Bytes()), nil
}
