package http

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/readmodels"
	"zhiping/readmodels/views"
)

// WorkItem is a declaration that waits for the caller's organization.
type WorkItem struct {
	ID          uuid.UUID           `json:"id"`
	Number      string              `json:"number"`
	NoticeTitle string              `json:"noticeTitle"`
	Type        string              `json:"type"`
	Applicant   domain.Organization `json:"applicant"`
	Unit        domain.Organization `json:"unit"`
	Stage       string              `json:"stage"`
	StageName   string              `json:"stageName"`
	Final       bool                `json:"final"` // the last stage: approve-final instead of approve
	Round       int                 `json:"round"`
	SubmittedAt time.Time           `json:"submittedAt"`
	EnteredAt   time.Time           `json:"enteredAt"`
	DaysWaiting int                 `json:"daysWaiting"`
}

func (s *Server) reviewRoutes() {
	handle(s, route{"GET", "/worklist", "What waits for the caller's organization or one below it, oldest first", "viewWorklist", 200}, s.worklist)
	handle(s, route{"GET", "/worklist/export", "The same, as XLSX", "viewWorklist", 200}, s.exportWorklist)
	handle(s, route{"POST", "/worklist/approve", "Approve up to 200 at once, a result for each", "ApproveStage", 200}, s.approveMany)
	decide(s, "approve", "Pass a declaration on to the next stage", "ApproveStage", func(b decision) declaration.Command {
		return declaration.ApproveStage{Stage: b.Stage, Opinion: b.Opinion}
	})
	decide(s, "return", "Return a declaration for correction of the named modules", "ReturnDeclaration", func(b decision) declaration.Command {
		return declaration.Return{Stage: b.Stage, Opinion: b.Opinion, Modules: b.Modules}
	})
	decide(s, "terminate", "End the review with a refusal", "TerminateReview", func(b decision) declaration.Command {
		return declaration.Terminate{Stage: b.Stage, Opinion: b.Opinion}
	})
	decide(s, "approve-final", "The committee's final approval, at the last stage", "ApproveFinal", func(b decision) declaration.Command {
		return declaration.ApproveFinal{Stage: b.Stage, Opinion: b.Opinion}
	})
}

// decision is what an officer sends. Stage optionally names the stage that the page showed.
type decision struct {
	Stage   string   `json:"stage,omitempty" maxLength:"64"`
	Opinion string   `json:"opinion,omitempty"`
	Modules []string `json:"modules,omitempty" maxItems:"100"`
}

func decide(s *Server, verb, summary, action string, command func(decision) declaration.Command) {
	handle(s, route{"POST", "/declarations/{id}/" + verb, summary, accessAction(action), 200}, func(ctx context.Context, in *struct {
		ByID
		Body decision
	}) (*written[Form], error) {
		return s.declare(ctx, in.ID, 200, command(in.Body))
	})
}

func (s *Server) worklist(ctx context.Context, in *struct {
	Paging
	OfOrganization
	Stage string `query:"stage" maxLength:"64"`
	Type  string `query:"type" maxLength:"64"`
	Q     string `query:"q" maxLength:"100"`
}) (*struct{ Body list[WorkItem] }, error) {
	rq := requestOf(ctx)
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	organization, err := in.visible(rq.actor, "viewWorklist")
	if err != nil {
		return nil, err
	}
	equal := map[string]any{"organization": organization}
	if in.Type != "" {
		equal["type"] = in.Type
	}
	now := s.Clock()
	item := func(d *views.Work) WorkItem {
		return WorkItem{
			ID: d.ID, Number: d.Number, NoticeTitle: d.Notice.Title, Type: d.Notice.Type, Applicant: d.Applicant, Unit: d.Unit,
			Stage: d.Stage, StageName: d.StageName.In(rq.lang), Final: d.Last, Round: d.Round, SubmittedAt: d.SubmittedAt.UTC(),
			EnteredAt: d.EnteredAt.UTC(), DaysWaiting: int(now.Sub(d.EnteredAt).Hours() / 24),
		}
	}
	out, err := scan(ctx, s, views.Worklists, readmodels.Query{Equal: equal, Sort: "entered", After: key, Limit: in.Limit}, item, func(d *views.Work) bool {
		return (in.Stage == "" || d.Stage == in.Stage) && (in.Q == "" || strings.Contains(d.Applicant.Name, in.Q) || strings.Contains(d.Number, strings.ToUpper(in.Q)) || strings.Contains(d.Unit.Name, in.Q))
	})
	return &struct{ Body list[WorkItem] }{out}, err
}

// scanned bounds how many documents a filter that no index serves looks at for one page; the page then ends early,
// with a cursor that goes on from there.
const scanned = 5000

// scan is a page of what a filter keeps of a query, for filters that no index serves.
func scan[D, T any](ctx context.Context, s *Server, v readmodels.View[D], q readmodels.Query, item func(*D) T, keep func(*D) bool) (list[T], error) {
	out := list[T]{Items: []T{}}
	limit := q.Limit
	for looked := 0; ; q.Limit = max(limit, 200) {
		page, err := v.Find(ctx, s.Reader, q)
		if err != nil {
			return out, err
		}
		out.Items = slices.Grow(out.Items, min(len(page.Items), limit-len(out.Items)))
		for n, i := range page.Items {
			looked++
			if keep(i.Doc) {
				out.Items = append(out.Items, item(i.Doc))
			}
			more := n < len(page.Items)-1 || page.Next != nil
			if len(out.Items) == limit || looked >= scanned {
				if more {
					next := readmodels.EncodeCursor(v.Key(q.Sort, i))
					out.Next = &next
				}
				return out, nil
			}
		}
		if page.Next == nil {
			return out, nil
		}
		q.After = page.Next
	}
}

// ManyResult is the outcome for one of several declarations; Code and Detail say why one was refused.
type ManyResult struct {
	ID       string             `json:"id"`
	OK       bool               `json:"ok"`
	Status   declaration.Status `json:"status,omitempty"`
	Stage    string             `json:"stage,omitempty"`
	Position uint64             `json:"position,omitempty"`
	Code     string             `json:"code,omitempty"`
	Detail   string             `json:"detail,omitempty"`
}

func (s *Server) approveMany(ctx context.Context, in *struct {
	Body struct {
		IDs     []uuid.UUID `json:"ids" minItems:"1" maxItems:"200"`
		Opinion string      `json:"opinion,omitempty"`
	}
}) (*written[list[ManyResult]], error) {
	rq := requestOf(ctx)
	out := &written[list[ManyResult]]{Status: 200, Body: list[ManyResult]{Items: []ManyResult{}}}
	var last uint64
	for _, id := range in.Body.IDs {
		env := rq.envelope()
		env.IfMatch = nil // one revision cannot speak of many streams
		r, err := s.Executor.Declaration(ctx, env, id, declaration.ApproveStage{Opinion: in.Body.Opinion})
		if err != nil {
			p := s.problem(ctx, err)
			out.Body.Items = append(out.Body.Items, ManyResult{ID: id.String(), Code: p.Code, Detail: p.Detail})
			continue
		}
		last = max(last, r.Position)
		out.Body.Items = append(out.Body.Items, ManyResult{ID: id.String(), OK: true, Status: r.State.Status, Stage: r.State.Stage, Position: r.Position})
	}
	if last > 0 {
		out.Position = formatPosition(last)
	}
	return out, nil
}
