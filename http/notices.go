package http

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/catalog"
	"zhiping/domain/notice"
	"zhiping/readmodels"
	"zhiping/readmodels/views"
)

// noticeBody is what an office writes.
type noticeBody struct {
	Type           string     `json:"type" maxLength:"64"`
	Title          string     `json:"title" maxLength:"1000"`
	Year           int        `json:"year"`
	Batch          string     `json:"batch,omitempty" maxLength:"50"`
	OpensAt        time.Time  `json:"opensAt"`
	ClosesAt       time.Time  `json:"closesAt"`
	CutOff         time.Time  `json:"cutOff,omitempty"`
	Instructions   string     `json:"instructions"`
	Bureau         officeBody `json:"bureau,omitempty"`
	Committee      officeBody `json:"committee"`
	ResubmitTo     string     `json:"resubmitTo,omitempty"`
	CorrectionDays int        `json:"correctionDays,omitempty"`
	Quota          int        `json:"quota,omitempty" doc:"Most declarations that each unit may pass on; 0 for no bound"`

	Quotas     map[string]int                `json:"quotas,omitempty" doc:"Units' own numbers in place of quota, by credit code; 0: the unit may pass on none"`
	SlotLimits map[string]catalog.SlotLimits `json:"slotLimits,omitempty" doc:"Limits of attachments in place of the type's own, by slot; what is left out or 0 stays as it is"`
}

// A notice must not promise to take what no request carries, with what a form wraps around a file.
const _ = uint(maxUpload - notice.MaxFileBytes - maxJSON)

// officeBody names an organization of the tree, which knows its name itself.
type officeBody struct {
	ID   string `json:"id" maxLength:"64"`
	Name string `json:"name,omitempty" doc:"Not heeded: it is taken from the organization"`
}

func (b noticeBody) content() notice.Content {
	return notice.Content{
		Type: b.Type, Title: b.Title, Year: b.Year, Batch: b.Batch, OpensAt: b.OpensAt.UTC(), ClosesAt: b.ClosesAt.UTC(),
		CutOff: b.CutOff.UTC(), Instructions: b.Instructions, Bureau: domain.Organization(b.Bureau), Committee: domain.Organization(b.Committee),
		ResubmitTo: b.ResubmitTo, CorrectionDays: b.CorrectionDays, Quota: b.Quota,
		Quotas: b.Quotas, SlotLimits: b.SlotLimits,
	}
}

func (s *Server) noticeRoutes() {
	handle(s, route{"GET", "/notices", "Notices, newest first", "viewNotices", 200}, s.notices)
	handle(s, route{"GET", "/notices/{id}", "A notice with the form that it asks for", "viewNotices", 200}, s.notice)
	handle(s, route{"POST", "/notices", "Draft a notice", "DraftNotice", 201}, s.draftNotice)
	handle(s, route{"PUT", "/notices/{id}", "Revise a draft, or extend a published notice", "ReviseNotice", 200}, s.reviseNotice)
	handle(s, route{"POST", "/notices/{id}/publish", "Publish a notice", "PublishNotice", 200}, s.noticeCommand(notice.Publish{}))
	handle(s, route{"POST", "/notices/{id}/close", "Close a notice", "CloseNotice", 200}, s.noticeCommand(notice.Close{}))
}

type noticesIn struct {
	Paging
	Type string `query:"type" maxLength:"64"`
	Open bool   `query:"open"`
}

// notices lists what the caller may see. Whether a window is open depends on the time, which no index knows, so
// pages of published notices are looked through until enough are open; there are some dozens.
func (s *Server) notices(ctx context.Context, in *noticesIn) (*struct{ Body list[Notice] }, error) {
	rq := requestOf(ctx)
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	q := readmodels.Query{Equal: map[string]any{}, Sort: "created", Desc: true, After: key, Limit: in.Limit}
	if in.Type != "" {
		q.Equal["type"] = in.Type
	}
	out := list[Notice]{Items: []Notice{}}
	for {
		page, err := views.Notices.Find(ctx, s.Reader, q)
		if err != nil {
			return nil, err
		}
		for _, i := range page.Items {
			n := s.noticeOf(rq, i.Doc.ID, i.Doc.State, i.Doc.Revision)
			if in.Open && n.State != "open" || n.State == "draft" && !seesDraft(rq.actor, i.Doc.State) {
				continue
			}
			if len(out.Items) == in.Limit {
				return &struct{ Body list[Notice] }{out}, nil
			}
			out.Items = append(out.Items, n)
			next := readmodels.EncodeCursor(readmodels.Key{Value: i.Doc.Created, ID: i.ID})
			out.Next = &next
		}
		if page.Next == nil {
			out.Next = nil
			return &struct{ Body list[Notice] }{out}, nil
		}
		q.After = page.Next
	}
}

func seesDraft(a domain.Actor, s notice.State) bool {
	return access.Allowed(a, "viewDraftNotices", access.Resource{Organization: s.Content.Bureau.ID})
}

// ByID names the thing by its id in the path. Exported, because the library fills embedded inputs only then.
type ByID struct {
	ID uuid.UUID `path:"id"`
}

func (s *Server) notice(ctx context.Context, in *ByID) (*read[Notice], error) {
	rq := requestOf(ctx)
	d, err := one(ctx, s, views.Notices, in.ID.String(), notice.ErrNotFound)
	if err != nil {
		return nil, err
	}
	if d.State.Status == notice.StatusDraft && !seesDraft(rq.actor, d.State) {
		return nil, notice.ErrNotFound
	}
	n := s.noticeOf(rq, d.ID, d.State, d.Revision)
	variant := []string{n.State} // a window opens and closes without an event
	switch {                     // and quotas are not shown to everybody
	case n.Quotas != nil:
		variant = append(variant, "quotas")
	case n.UnitQuota != nil:
		variant = append(variant, strconv.Itoa(*n.UnitQuota))
	}
	return found(ctx, n, d.Revision, variant...), nil
}

func (s *Server) draftNotice(ctx context.Context, in *struct{ Body noticeBody }) (*written[Notice], error) {
	rq := requestOf(ctx)
	id, content := rq.newID("notice"), in.Body.content()
	if content.Bureau.ID == "" && rq.actor.Has(domain.Bureau) {
		content.Bureau = rq.actor.Organization
	}
	r, err := s.Executor.Notice(ctx, rq.envelope(), id, notice.Draft{Content: content})
	if err != nil {
		return nil, err
	}
	out := wrote(r, 201, s.noticeOf(rq, id, r.State, r.Revision))
	out.Location = "/api/v1/notices/" + id.String()
	return out, nil
}

func (s *Server) reviseNotice(ctx context.Context, in *struct {
	ByID
	Body noticeBody
}) (*written[Notice], error) {
	rq := requestOf(ctx)
	r, err := s.Executor.Notice(ctx, rq.envelope(), in.ID, notice.Revise{Content: in.Body.content()})
	if err != nil {
		return nil, err
	}
	return wrote(r, 200, s.noticeOf(rq, in.ID, r.State, r.Revision)), nil
}

func (s *Server) noticeCommand(c notice.Command) func(context.Context, *ByID) (*written[Notice], error) {
	return func(ctx context.Context, in *ByID) (*written[Notice], error) {
		rq := requestOf(ctx)
		r, err := s.Executor.Notice(ctx, rq.envelope(), in.ID, c)
		if err != nil {
			return nil, err
		}
		return wrote(r, 200, s.noticeOf(rq, in.ID, r.State, r.Revision)), nil
	}
}

// newID is a new id, and the same one again when the same caller repeats the same Idempotency-Key.
func (rq *request) newID(what string) uuid.UUID {
	if rq.key == "" {
		return uuid.New()
	}
	return domain.DerivedID(commands.CommandID(rq.actor.ID, rq.key).String(), what)
}
