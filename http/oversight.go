package http

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/declaration"
	"zhiping/domain/organization"
	"zhiping/domain/text"
	"zhiping/readmodels"
	"zhiping/readmodels/views"
)

// OfOrganization names whose work is meant: the caller's own organization's, or one's that they may look into.
// Exported, because the library fills embedded inputs only then.
type OfOrganization struct {
	Organization string `query:"organization" maxLength:"64" doc:"An organization below the caller's; auditors name any"`
}

// visible is the organization that is meant, if the caller may look into it.
func (in OfOrganization) visible(a domain.Actor, action access.Action) (string, error) {
	id := cmp.Or(in.Organization, a.Organization.ID)
	if id == "" {
		return "", domain.ErrInvalid.WithFaults(queryFault("organization", "missing"))
	}
	if !access.Allowed(a, action, access.Resource{Organization: id}) {
		return "", organization.ErrNotFound
	}
	return id, nil
}

// OverseenItem is a declaration that an organization reviews or supervises, since its first submission.
type OverseenItem struct {
	ID          uuid.UUID           `json:"id"`
	Number      string              `json:"number"`
	NoticeID    uuid.UUID           `json:"noticeId"`
	NoticeTitle string              `json:"noticeTitle"`
	Type        string              `json:"type"`
	Applicant   domain.Organization `json:"applicant"`
	Unit        domain.Organization `json:"unit"`
	Status      declaration.Status  `json:"status"`
	StatusText  string              `json:"statusText"`
	Stage       string              `json:"stage,omitempty"`
	SubmittedAt *time.Time          `json:"submittedAt,omitempty"`
	UpdatedAt   time.Time           `json:"updatedAt"`
}

func (s *Server) oversightRoutes() {
	handle(s, route{"GET", "/organizations/{id}/declarations", "Submitted declarations of an organization's subtree, or of a committee's notices, newest first", "viewDeclarations", 200}, s.overseen)
	handle(s, route{"GET", "/organizations/{id}/declarations/export", "The same, as XLSX", "viewDeclarations", 200}, s.exportOverseen)
}

// Overseen filters what an organization oversees. Exported, because the library fills embedded inputs only then.
type Overseen struct {
	Notice string `query:"notice" format:"uuid" doc:"Declarations for this notice only"`
	Status string `query:"status" enum:"submitted,returned,approved,terminated,withdrawn"`
	Type   string `query:"type" maxLength:"64"`
}

func (in Overseen) keeps(d *views.History) bool {
	return (in.Status == "" || string(d.Status) == in.Status) && (in.Type == "" || d.Notice.Type == in.Type) &&
		(in.Notice == "" || strings.EqualFold(d.Notice.ID.String(), in.Notice))
}

func (s *Server) overseen(ctx context.Context, in *struct {
	ByOrganization
	Paging
	Overseen
}) (*struct{ Body list[OverseenItem] }, error) {
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	_, q, err := s.overseenBy(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	q.After, q.Limit = key, in.Limit
	out, err := scan(ctx, s, views.Histories, q, overseenItem(requestOf(ctx).lang), in.keeps)
	return &struct{ Body list[OverseenItem] }{out}, err
}

// overseenBy finds what an organization that the caller may look into oversees, newest first.
func (s *Server) overseenBy(ctx context.Context, id string) (*views.Organization, readmodels.Query, error) {
	q := readmodels.Query{Equal: map[string]any{}, Sort: "created", Desc: true}
	id, err := OfOrganization{id}.visible(requestOf(ctx).actor, "viewDeclarations")
	if err != nil {
		return nil, q, err
	}
	o, err := one(ctx, s, views.Organizations, id, organization.ErrNotFound)
	if err != nil {
		return nil, q, err
	}
	return o, q, s.narrow(ctx, &q, o)
}

// ErrTooWide refuses to list what more departments oversee than one query can name.
var ErrTooWide = domain.NewError(domain.Invalid, "subtree_too_wide")

// narrow picks the index that finds what the organization oversees.
func (s *Server) narrow(ctx context.Context, q *readmodels.Query, o *views.Organization) error {
	switch o.Kind {
	case organization.KindUnit:
		q.Equal["unit"] = o.ID
		return nil
	case organization.KindCommittee:
		q.Equal["committee"] = o.ID
		return nil
	}
	ids, err := s.offices(ctx, o.ID)
	if err != nil {
		return err
	}
	if len(ids) > readmodels.MaxIn {
		return ErrTooWide.With(text.Args{"max": readmodels.MaxIn})
	}
	q.In = map[string][]any{"department": ids}
	return nil
}

// offices is an office with all bureaux and departments below it.
func (s *Server) offices(ctx context.Context, top string) ([]any, error) {
	children := map[string][]string{}
	kinds := []any{string(organization.KindBureau), string(organization.KindDepartment)}
	q := readmodels.Query{In: map[string][]any{"kind": kinds}, Sort: "created", Limit: readmodels.MaxLimit}
	for more := true; more; more = q.After != nil {
		page, err := views.Organizations.Find(ctx, s.Reader, q)
		if err != nil {
			return nil, err
		}
		for _, i := range page.Items {
			children[i.Doc.Parent] = append(children[i.Doc.Parent], i.ID)
		}
		q.After = page.Next
	}
	found := []any{top}
	for open := []string{top}; len(open) > 0; {
		next := children[open[0]]
		open = append(open[1:], next...)
		for _, id := range next {
			found = append(found, id)
		}
	}
	return found, nil
}

func overseenItem(lang string) func(*views.History) OverseenItem {
	return func(d *views.History) OverseenItem {
		return OverseenItem{ID: d.ID, Number: d.Number, NoticeID: d.Notice.ID, NoticeTitle: d.Notice.Title, Type: d.Notice.Type,
			Applicant: d.Applicant, Unit: d.Unit, Status: d.Status, StatusText: statusText(d.Status, lang), Stage: d.Stage,
			SubmittedAt: stamp(d.SubmittedAt), UpdatedAt: d.UpdatedAt.UTC()}
	}
}
