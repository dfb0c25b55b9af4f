package http

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/domain/organization"
	"zhiping/domain/text"
	"zhiping/readmodels"
	"zhiping/readmodels/views"
)

// exported bounds a workbook.
const exported = 10_000

// ErrTooMany refuses a workbook of more rows than that, and names the filters that make the list shorter.
var ErrTooMany = domain.NewError(domain.Invalid, "export_too_long")

// gather collects all that a filter keeps of a query, most documents at the most; filters are those that the caller can narrow
// the list by.
func gather[D any](ctx context.Context, r readmodels.Reader, v readmodels.View[D], q readmodels.Query, most int, filters string, keep func(*D) bool) ([]*D, error) {
	var out []*D
	for q.Limit = 500; ; {
		page, err := v.Find(ctx, r, q)
		if err != nil {
			return nil, err
		}
		for _, i := range page.Items {
			if !keep(i.Doc) {
				continue
			}
			if out = append(out, i.Doc); len(out) > most {
				return nil, ErrTooMany.With(text.Args{"max": most, "filters": filters})
			}
		}
		if page.Next == nil {
			return out, nil
		}
		q.After = page.Next
	}
}

func (s *Server) exportWorklist(ctx context.Context, in *struct {
	OfOrganization
	Stage string `query:"stage" maxLength:"64"`
	Type  string `query:"type" maxLength:"64"`
}) (*huma.StreamResponse, error) {
	rq := requestOf(ctx)
	id, err := in.visible(rq.actor, "viewWorklist")
	if err != nil {
		return nil, err
	}
	equal := map[string]any{"organization": id}
	if in.Type != "" {
		equal["type"] = in.Type
	}
	waiting, err := gather(ctx, s.Reader, views.Worklists, readmodels.Query{Equal: equal, Sort: "entered"}, exported, "type, stage", func(d *views.Work) bool {
		return in.Stage == "" || d.Stage == in.Stage
	})
	if err != nil {
		return nil, err
	}
	var rows [][]string
	for _, d := range waiting {
		rows = append(rows, []string{d.Number, d.Applicant.Name, d.Unit.Name, d.Notice.Title, d.StageName.In(rq.lang),
			fmt.Sprint(d.Round), dated(d.SubmittedAt), dated(d.EnteredAt)})
	}
	name := rq.actor.Organization.Name
	if id != rq.actor.Organization.ID {
		o, err := one(ctx, s, views.Organizations, id, organization.ErrNotFound)
		if err != nil {
			return nil, err
		}
		name = o.Name
	}
	return s.workbook(ctx, "worklist", name, rows)
}

func (s *Server) workbook(ctx context.Context, kind, organization string, rows [][]string) (*huma.StreamResponse, error) {
	lang := requestOf(ctx).lang
	title := text.Of("document."+kind, text.Args{"organization": organization}).In(lang)
	table := PrintedTable{Columns: strings.Split(text.Of("document."+kind+"_columns", nil).In(lang), "|"), Rows: rows}
	var b bytes.Buffer
	if err := s.Printer.Workbook(&b, title, table); err != nil {
		return nil, err
	}
	return sent(ctx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", title+".xlsx", b.Bytes()), nil
}

func (s *Server) exportOverseen(ctx context.Context, in *struct {
	ByOrganization
	Overseen
}) (*huma.StreamResponse, error) {
	lang := requestOf(ctx).lang
	o, q, err := s.overseenBy(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	found, err := gather(ctx, s.Reader, views.Histories, q, exported, "notice, type, status", in.keeps)
	if err != nil {
		return nil, err
	}
	rows := make([][]string, 0, len(found))
	for start := 0; start < len(found); start += contentsAtOnce {
		part := found[start:min(len(found), start+contentsAtOnce)]
		forms, err := s.entriesOf(ctx, part)
		if err != nil {
			return nil, err
		}
		for i, d := range part {
			f := filled{forms[i].def, forms[i].st, lang}
			submitted := ""
			if !d.SubmittedAt.IsZero() {
				submitted = dated(d.SubmittedAt)
			}
			rows = append(rows, []string{d.Number, d.Applicant.Name, d.Unit.Name, f.def.Name.In(lang), d.Notice.Title, f.value("application", "level", false),
				f.value("application", "series", false) + f.value("school_application", "stage", false),
				f.value("application", "title", false) + f.value("school_application", "title", false),
				statusText(d.Status, lang), stageName(f.def, d.Stage, lang), submitted})
		}
	}
	return s.workbook(ctx, "overseen", o.Name, rows)
}

// contentsAtOnce is how many declarations' contents are held at a time: they are large.
const contentsAtOnce = 100

// entriesOf is what was entered in each of the declarations when it was submitted.
func (s *Server) entriesOf(ctx context.Context, list []*views.History) ([]filled, error) {
	ids := make([]string, len(list))
	for i, d := range list {
		ids[i] = d.ID.String()
	}
	contents, err := views.Contents.GetAll(ctx, s.Reader, ids...)
	if err != nil {
		return nil, err
	}
	out := make([]filled, len(list))
	for i, d := range list {
		checker, err := s.Executor.Checker(ctx, d.Notice.ID)
		if err != nil {
			return nil, err
		}
		out[i].def = checker.Definition()
		if changing(d.Status) {
			if out[i].st, err = s.submitted(ctx, d.ID, d.Revision); err != nil {
				return nil, err
			}
		} else if c := contents[ids[i]].Doc; c != nil {
			out[i].st = declaration.State{Modules: c.Modules}
		}
	}
	return out, nil
}

// stageName is how the route of a definition calls a stage; empty for none.
func stageName(def catalog.Definition, key, lang string) string {
	for _, st := range def.Route {
		if st.Key == key {
			return st.Name.In(lang)
		}
	}
	return ""
}
