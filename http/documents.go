package http

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"io"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"zhiping/domain/catalog"
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

// PrintedField is one filled-in place.
type PrintedField struct{ Label, Value string }

// PrintedSection is one module of a printed document.
type PrintedSection struct {
	Title  string
	Fields []PrintedField
	Tables []PrintedTable
}

// PrintedOpinion is the place of one stage's opinion; Signed is what stands below it.
type PrintedOpinion struct {
	Stage  string
	Text   string
	Signed []string
}

// PrintedDocument is a document about one declaration.
type PrintedDocument struct {
	Title     string
	Lines     []string // below the title
	Photo     image.Image
	Landscape bool
	Sections  []PrintedSection
	Opinions  []PrintedOpinion
	Footer    func(page, pages int) string
}

// Printer makes documents that people print and sign. Safe for concurrent use.
type Printer interface {
	// Document prints a PDF.
	Document(w io.Writer, d PrintedDocument) error
	// Workbook writes XLSX with a title above the table.
	Workbook(w io.Writer, title string, table PrintedTable) error
}

func (s *Server) documentRoutes() {
	handle(s, route{"GET", "/declarations/{id}/documents/review-form", "The review form (评审表) of a submitted declaration, as PDF", "viewDeclaration", 200}, s.reviewForm)
	handle(s, route{"GET", "/declarations/{id}/documents/summary", "The summary (一览表) of a submitted declaration, as PDF", "viewDeclaration", 200}, s.summary)
	handle(s, route{"GET", "/declarations/{id}/documents/notice-sheet", "The notice sheet (公示表) of a submitted declaration, as PDF, with what a public notice may show", "viewDeclaration", 200}, s.noticeSheet)
	handle(s, route{"GET", "/worklist/export", "What waits for the caller's organization, as XLSX", "viewWorklist", 200}, s.exportWorklist)
}

// printable is a submitted declaration that the caller may see, with the definition that its notice was published with.
func (s *Server) printable(ctx context.Context, id uuid.UUID) (*views.Form, catalog.Definition, error) {
	d, err := s.formDoc(ctx, id)
	if err != nil {
		return nil, catalog.Definition{}, err
	}
	if d.State.Round == 0 {
		return nil, catalog.Definition{}, declaration.ErrNotSubmitted
	}
	checker, err := s.Executor.Checker(ctx, d.State.Notice.ID)
	if err != nil {
		return nil, catalog.Definition{}, err
	}
	return d, checker.Definition(), nil
}

// reviewForm has everything that was entered, the photo, the pledge, and the opinion of each stage.
func (s *Server) reviewForm(ctx context.Context, in *ByID) (*huma.StreamResponse, error) {
	d, def, err := s.printable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	lang := requestOf(ctx).lang
	doc := document("document.review_form", d, lang)
	for _, m := range def.Modules {
		doc.Sections = append(doc.Sections, printed(m.Name.In(lang), m.Schema, d.State.Modules[m.Key], lang, everything))
	}
	if def.Recommender != nil {
		for i, expert := range d.State.Recommenders {
			title := text.Of("document.recommender", text.Args{"n": i + 1}).In(lang)
			doc.Sections = append(doc.Sections, printed(title, def.Recommender.Schema, expert.Data, lang, everything))
		}
	}
	if doc.Photo, err = s.photo(ctx, d.State, def); err != nil {
		return nil, err
	}
	timeline, err := one(ctx, s, views.Timelines, in.ID.String(), declaration.ErrNotFound)
	if err != nil {
		return nil, err
	}
	doc.Opinions = append([]PrintedOpinion{pledge(d, lang)}, opinions(timeline, lang)...)
	return s.pdf(ctx, d, doc)
}

// summary has the declaration on its side at a glance, for those who compare many: no long texts, and nothing by which
// somebody could be called or impersonated.
func (s *Server) summary(ctx context.Context, in *ByID) (*huma.StreamResponse, error) {
	return s.sheet(ctx, in, "document.summary", inSummary, nil)
}

// noticeSheet is what a unit pins up while objections may be raised.
func (s *Server) noticeSheet(ctx context.Context, in *ByID) (*huma.StreamResponse, error) {
	return s.sheet(ctx, in, "document.notice_sheet", inPublic, []string{"document.objections"})
}

func (s *Server) sheet(ctx context.Context, in *ByID, title string, shows func(module string, p property) bool, notes []string) (*huma.StreamResponse, error) {
	d, def, err := s.printable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	lang := requestOf(ctx).lang
	doc := document(title, d, lang)
	doc.Landscape = true
	for _, n := range notes {
		doc.Lines = append(doc.Lines, text.Of(n, text.Args{"unit": d.State.Unit.Name}).In(lang))
	}
	hidden := secrets(def, d.State)
	for _, m := range def.Modules {
		section := printed(m.Name.In(lang), m.Schema, d.State.Modules[m.Key], lang, func(p property) bool { return shows(m.Key, p) })
		if len(section.Fields)+len(section.Tables) > 0 {
			doc.Sections = append(doc.Sections, without(section, hidden))
		}
	}
	return s.pdf(ctx, d, doc)
}

func (s *Server) pdf(ctx context.Context, d *views.Form, doc PrintedDocument) (*huma.StreamResponse, error) {
	var b bytes.Buffer
	if err := s.Printer.Document(&b, doc); err != nil {
		return nil, err
	}
	return sent(ctx, "application/pdf", d.State.Number+" "+doc.Title+".pdf", b.Bytes()), nil
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

// exported bounds a workbook; a longer list is split by stage or type.
const exported = 10_000

func (s *Server) exportWorklist(ctx context.Context, in *struct{ OfOrganization }) (*huma.StreamResponse, error) {
	rq := requestOf(ctx)
	organization, err := in.visible(rq.actor, "viewWorklist")
	if err != nil {
		return nil, err
	}
	name := organization
	if organization == rq.actor.Organization.ID {
		name = rq.actor.Organization.Name
	}
	title := text.Of("document.worklist", text.Args{"organization": name}).In(rq.lang)
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
				fmt.Sprint(d.Round), dated(d.SubmittedAt), dated(d.EnteredAt)})
		}
		if page.Next == nil {
			break
		}
		q.After = page.Next
	}
	var b bytes.Buffer
	if err := s.Printer.Workbook(&b, title, table); err != nil {
		return nil, err
	}
	return sent(ctx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "worklist.xlsx", b.Bytes()), nil
}
