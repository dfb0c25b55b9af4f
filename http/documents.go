package http

import (
	"bytes"
	"context"
	"image"
	"io"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/domain/text"
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
}

// printable is a declaration that the caller may see, as it was submitted last, with the definition that its notice was
// published with. Its status is the present one.
func (s *Server) printable(ctx context.Context, id uuid.UUID) (*views.Form, catalog.Definition, error) {
	d, err := s.formDoc(ctx, id)
	if err != nil {
		return nil, catalog.Definition{}, err
	}
	if d.State.Round == 0 {
		return nil, catalog.Definition{}, declaration.ErrNotSubmitted
	}
	if changing(d.State.Status) {
		if d, err = s.asSubmitted(ctx, id, d); err != nil {
			return nil, catalog.Definition{}, err
		}
	}
	checker, err := s.Executor.Checker(ctx, d.State.Notice.ID)
	if err != nil {
		return nil, catalog.Definition{}, err
	}
	return d, checker.Definition(), nil
}

// changing tells whether what was entered may have been changed since it was submitted. Nobody has pledged the truth of
// those changes, so no document shows them.
func changing(st declaration.Status) bool {
	return st == declaration.StatusReturned || st == declaration.StatusWithdrawn
}

// submitted is a declaration right after its last submission up to a revision, from its events.
func (s *Server) submitted(ctx context.Context, id uuid.UUID, revision uint64) (last declaration.State, err error) {
	events, err := s.Events.Read(ctx, domain.Stream(domain.CategoryDeclaration, id.String()), 0)
	if err != nil {
		return last, err
	}
	var st declaration.State
	for _, e := range events {
		event, ok := e.Event.(declaration.Event)
		if !ok || e.Revision > revision {
			continue
		}
		st = declaration.Evolve(st, event)
		if _, handedIn := event.(declaration.Submitted); handedIn {
			last = st
		}
	}
	return last, nil
}

// reviewForm has everything that was entered, the photo, the pledge, and the opinion of each stage.
func (s *Server) reviewForm(ctx context.Context, in *ByID) (*huma.StreamResponse, error) {
	d, def, err := s.printable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	lang := requestOf(ctx).lang
	doc := document("review_form", d, def, lang)
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

// summary is a row of the 一览表: the declaration at a glance, for those who compare many.
func (s *Server) summary(ctx context.Context, in *ByID) (*huma.StreamResponse, error) {
	d, def, err := s.printable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	doc := document("summary", d, def, requestOf(ctx).lang)
	doc.Landscape = true
	doc.Sections = []PrintedSection{without(PrintedSection{Tables: []PrintedTable{glance(d, def, requestOf(ctx).lang)}}, secrets(def, d.State))}
	return s.pdf(ctx, d, doc)
}

// noticeSheet is what a unit pins up while objections may be raised.
func (s *Server) noticeSheet(ctx context.Context, in *ByID) (*huma.StreamResponse, error) {
	d, def, err := s.printable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	lang := requestOf(ctx).lang
	doc := document("notice_sheet", d, def, lang)
	doc.Landscape = true
	doc.Lines = append(doc.Lines, text.Of("document.objections", text.Args{"unit": d.State.Unit.Name}).In(lang))
	hidden := secrets(def, d.State)
	for _, m := range def.Modules {
		section := printed(m.Name.In(lang), m.Schema, d.State.Modules[m.Key], lang, func(p property) bool { return inPublic(m.Key, p) })
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
		c.Set(fiber.HeaderContentDisposition, disposition(name))
		c.Status(fiber.StatusOK).Context().SetBody(content)
	}}
}
