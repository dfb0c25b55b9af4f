package http

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/declaration"
	"zhiping/domain/text"
	"zhiping/readmodels"
	"zhiping/readmodels/views"
)

// HistoryItem is a row of the applicant's 申报历史信息列表. Actions are what the applicant can do next.
type HistoryItem struct {
	ID          uuid.UUID          `json:"id"`
	Number      string             `json:"number"`
	NoticeID    uuid.UUID          `json:"noticeId"`
	NoticeTitle string             `json:"noticeTitle"`
	Type        string             `json:"type"`
	UnitName    string             `json:"unitName"`
	Status      declaration.Status `json:"status"`
	StatusText  string             `json:"statusText"`
	Stage       string             `json:"stage,omitempty"`
	SubmittedAt *time.Time         `json:"submittedAt,omitempty"`
	UpdatedAt   time.Time          `json:"updatedAt"`
	Actions     []string           `json:"actions"`
}

func (s *Server) declarationRoutes() {
	handle(s, route{"POST", "/declarations", "Start a declaration after the self-check", "StartDeclaration", 201}, s.startDeclaration)
	handle(s, route{"GET", "/declarations", "The caller's declarations, newest first", "viewOwnHistory", 200}, s.history)
	handle(s, route{"GET", "/declarations/{id}", "The form; with asOf or asOfRevision as it was, rebuilt from its events", "viewDeclaration", 200}, s.form)
	handle(s, route{"PUT", "/declarations/{id}/modules/{module}", "Save one module", "SaveModule", 200}, s.saveModule)
	handle(s, route{"GET", "/declarations/{id}/validation", "All that still blocks submission", "viewDeclaration", 200}, s.validation)
	handle(s, route{"POST", "/declarations/{id}/submit", "Submit, or resubmit after a return", "SubmitDeclaration", 200}, s.submit)
	handle(s, route{"POST", "/declarations/{id}/withdraw", "Withdraw before the first review decision", "WithdrawDeclaration", 200}, func(ctx context.Context, in *ByID) (*written[Form], error) {
		return s.declare(ctx, in.ID, 200, declaration.Withdraw{})
	})
	handle(s, route{"GET", "/declarations/{id}/timeline", "Where it is and how it came there", "viewDeclaration", 200}, s.timeline)
}

// actions are what the applicant can do next with a declaration.
func actions(st declaration.Status, decided bool) []string {
	switch st {
	case declaration.StatusDraft, declaration.StatusWithdrawn, declaration.StatusReturned:
		return []string{"view", "edit", "submit"}
	case declaration.StatusSubmitted:
		if !decided {
			return []string{"view", "track", "withdraw"}
		}
	}
	return []string{"view", "track"}
}

func statusText(st declaration.Status, lang string) string {
	return text.Of("status."+string(st), nil).In(lang)
}

// declare runs a command and answers the form as it is after it.
func (s *Server) declare(ctx context.Context, id uuid.UUID, status int, c declaration.Command) (*written[Form], error) {
	r, err := s.Executor.Declaration(ctx, requestOf(ctx).envelope(), id, c)
	if err != nil {
		return nil, err
	}
	return s.declared(ctx, r, status)
}

func (s *Server) declared(ctx context.Context, r commands.Result[declaration.State], status int) (*written[Form], error) {
	form, err := s.formOf(ctx, r.State, r.Revision)
	if err != nil {
		return nil, err
	}
	return wrote(r, status, form), nil
}

func (s *Server) startDeclaration(ctx context.Context, in *struct {
	Body struct {
		NoticeID  uuid.UUID       `json:"noticeId"`
		SelfCheck map[string]bool `json:"selfCheck"`
	}
}) (*written[Form], error) {
	id := domain.DeclarationID(in.Body.NoticeID, requestOf(ctx).actor.ID)
	out, err := s.declare(ctx, id, 201, declaration.Start{NoticeID: in.Body.NoticeID, SelfCheck: in.Body.SelfCheck})
	if err != nil {
		return nil, err
	}
	out.Location = "/api/v1/declarations/" + id.String()
	return out, nil
}

func (s *Server) history(ctx context.Context, in *struct {
	Paging
	Status string `query:"status" enum:"draft,submitted,returned,approved,terminated,withdrawn"`
	Type   string `query:"type" maxLength:"64"`
}) (*struct{ Body list[HistoryItem] }, error) {
	rq := requestOf(ctx)
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	q := readmodels.Query{Equal: map[string]any{"applicant": rq.actor.ID}, Sort: "created", Desc: true, After: key, Limit: in.Limit}
	out, err := scan(ctx, s, views.Histories, q, func(d *views.History) HistoryItem {
		return HistoryItem{
			ID: d.ID, Number: d.Number, NoticeID: d.Notice.ID, NoticeTitle: d.Notice.Title, Type: d.Notice.Type, UnitName: d.Unit.Name,
			Status: d.Status, StatusText: statusText(d.Status, rq.lang), Stage: d.Stage, SubmittedAt: stamp(d.SubmittedAt),
			UpdatedAt: d.UpdatedAt.UTC(), Actions: actions(d.Status, d.Decided),
		}
	}, func(d *views.History) bool {
		return (in.Status == "" || d.Status == declaration.Status(in.Status)) && (in.Type == "" || d.Notice.Type == in.Type)
	})
	return &struct{ Body list[HistoryItem] }{out}, err
}

// visible tells whether the caller may see a declaration; who may not learns only that it is not there.
func visible(ctx context.Context, r access.Resource) error {
	if !access.Allowed(requestOf(ctx).actor, "viewDeclaration", r) {
		return declaration.ErrNotFound
	}
	return nil
}

// formDoc reads a declaration that the caller may see.
func (s *Server) formDoc(ctx context.Context, id uuid.UUID) (*views.Form, error) {
	d, err := views.ReadForm(ctx, s.Reader, id)
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, declaration.ErrNotFound
	}
	return d, visible(ctx, commands.Resource(d.State))
}

func (s *Server) form(ctx context.Context, in *struct {
	ByID
	AsOf         time.Time `query:"asOf"`
	AsOfRevision int64     `query:"asOfRevision" default:"-1" minimum:"-1"`
}) (*read[Form], error) {
	if !in.AsOf.IsZero() || in.AsOfRevision >= 0 {
		return s.formAsOf(ctx, in.ID, in.AsOf, in.AsOfRevision)
	}
	d, err := s.formDoc(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	body, err := s.formOf(ctx, d.State, d.Revision)
	if err != nil {
		return nil, err
	}
	body.at(d)
	return found(ctx, body, d.Revision), nil
}

// formAsOf rebuilds the declaration from its events alone, up to a time or a revision.
func (s *Server) formAsOf(ctx context.Context, id uuid.UUID, at time.Time, revision int64) (*read[Form], error) {
	events, err := s.Events.Read(ctx, domain.Stream(domain.CategoryDeclaration, id.String()), 0)
	if err != nil {
		return nil, err
	}
	var st, now declaration.State
	var last uint64
	for _, e := range events {
		ev, ok := e.Event.(declaration.Event)
		if !ok {
			continue
		}
		now = declaration.Evolve(now, ev)
		if (at.IsZero() || !e.At.After(at)) && (revision < 0 || e.Revision <= uint64(revision)) {
			st, last = now, e.Revision
		}
	}
	if now.Status == "" {
		return nil, declaration.ErrNotFound
	}
	if err := visible(ctx, commands.Resource(now)); err != nil {
		return nil, err
	}
	if st.Status == "" { // before it was started
		return nil, declaration.ErrNotFound
	}
	body, err := s.formOf(ctx, st, last)
	if err != nil {
		return nil, err
	}
	return &read[Form]{Status: 200, ETag: etag(last), Body: body}, nil
}

func (s *Server) saveModule(ctx context.Context, in *struct {
	ByID
	Module string `path:"module" maxLength:"64"`
	Body   json.RawMessage
}) (*written[Form], error) {
	if !json.Valid(in.Body) {
		return nil, ErrMalformed
	}
	return s.declare(ctx, in.ID, 200, declaration.SaveModule{Module: in.Module, Data: in.Body})
}

// ProblemItem is one thing that still blocks submission.
type ProblemItem struct {
	Module      string `json:"module"`
	Field       string `json:"field,omitempty"`
	Slot        string `json:"slot,omitempty"`
	Recommender string `json:"recommender,omitempty"`
	Rule        string `json:"rule,omitempty"`
	Code        string `json:"code"`
	Message     string `json:"message"`
	// Inputs are what the rule looked at, by JSON pointer into the whole form.
	Inputs map[string]any `json:"inputs,omitempty"`
}

// Validation is the 数据校验.
type Validation struct {
	OK       bool          `json:"ok"`
	Problems []ProblemItem `json:"problems"`
}

func (s *Server) validation(ctx context.Context, in *ByID) (*struct{ Body Validation }, error) {
	if _, err := s.formDoc(ctx, in.ID); err != nil {
		return nil, err
	}
	rq := requestOf(ctx)
	faults, err := s.Executor.Problems(ctx, rq.envelope(), in.ID)
	if err != nil {
		return nil, err
	}
	v := Validation{OK: len(faults) == 0, Problems: []ProblemItem{}}
	for _, f := range faults {
		v.Problems = append(v.Problems, ProblemItem{f.Module, f.Field, f.Slot, f.Recommender, f.Rule, f.Code, f.Message.In(rq.lang), f.Inputs})
	}
	return &struct{ Body Validation }{v}, nil
}

func (s *Server) submit(ctx context.Context, in *struct {
	ByID
	Body struct {
		Commitment bool `json:"commitment"`
	}
}) (*written[Form], error) {
	return s.declare(ctx, in.ID, 200, declaration.Submit{Commitment: in.Body.Commitment})
}

// Node is one step of the way that a declaration took or will take.
type Node struct {
	Stage        string          `json:"stage"`
	Name         string          `json:"name"`
	Organization string          `json:"organization"`
	State        views.NodeState `json:"state"`
	Actor        string          `json:"actor,omitempty"`
	At           *time.Time      `json:"at,omitempty"`
	Opinion      string          `json:"opinion,omitempty"`
	EnteredAt    *time.Time      `json:"enteredAt,omitempty"`
	Round        int             `json:"round"`
}

// Timeline is the 进度跟踪.
type Timeline struct {
	Status     declaration.Status `json:"status"`
	StatusText string             `json:"statusText"`
	Nodes      []Node             `json:"nodes"`
}

func (s *Server) timeline(ctx context.Context, in *ByID) (*read[Timeline], error) {
	d, err := one(ctx, s, views.Timelines, in.ID.String(), declaration.ErrNotFound)
	if err != nil {
		return nil, err
	}
	if err := visible(ctx, d.Access.Resource()); err != nil {
		return nil, err
	}
	rq := requestOf(ctx)
	t := Timeline{Status: d.State.Status, StatusText: statusText(d.State.Status, rq.lang), Nodes: make([]Node, 0, len(d.Nodes))}
	for _, n := range d.Nodes {
		node := Node{Stage: n.Stage, Name: n.Name.In(rq.lang), Organization: n.Organization.Name, State: n.State,
			At: stamp(n.At), Opinion: n.Opinion, EnteredAt: stamp(n.EnteredAt), Round: n.Round}
		if n.Actor != nil {
			node.Actor = n.Actor.Name
		}
		t.Nodes = append(t.Nodes, node)
	}
	return found(ctx, t, d.Revision), nil
}
