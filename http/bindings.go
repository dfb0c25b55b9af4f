package http

import (
	"cmp"
	"context"
	"time"

	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/binding"
	"zhiping/domain/unit"
	"zhiping/readmodels"
	"zhiping/readmodels/views"
)

// Binding is an applicant's tie to a recommending unit.
type Binding struct {
	Applicant   domain.Organization  `json:"applicant"`
	Unit        *domain.Organization `json:"unit,omitempty"`
	Status      string               `json:"status" enum:"none,pending,bound"`
	Opinion     string               `json:"opinion,omitempty"`
	RequestedAt *time.Time           `json:"requestedAt,omitempty"`
	DecidedAt   *time.Time           `json:"decidedAt,omitempty"`
}

func bindingOf(applicant, u domain.Organization, status binding.Status, opinion string) Binding {
	b := Binding{Applicant: applicant, Status: string(status), Opinion: opinion}
	if status == binding.StatusNone {
		b.Status = "none"
	}
	if u.ID != "" {
		b.Unit = &u
	}
	return b
}

func shownBinding(d *views.Binding) Binding {
	b := bindingOf(d.Applicant, d.Unit, d.Status, d.Opinion)
	b.RequestedAt, b.DecidedAt = stamp(d.RequestedAt), stamp(d.DecidedAt)
	return b
}

// stamp is a time that may be missing.
func stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (s *Server) bindingRoutes() {
	handle(s, route{"POST", "/bindings", "Ask a unit to be bound", "BindUnit", 201}, s.bind)
	handle(s, route{"GET", "/bindings/current", "The caller's binding", "viewOwnBinding", 200}, s.currentBinding)
	handle(s, route{"DELETE", "/bindings/current", "Unbind, or take a request back", "UnbindUnit", 200}, func(ctx context.Context, _ *struct{}) (*written[Binding], error) {
		return s.bindingCommand(ctx, requestOf(ctx).actor.ID, 200, binding.Unbind{})
	})
	handle(s, route{"GET", "/bindings", "Who asked to be bound to the caller's unit", "viewBindings", 200}, s.bindings)
	handle(s, route{"POST", "/bindings/{applicantId}/approve", "Approve a binding", "ApproveBinding", 200}, func(ctx context.Context, in *ByApplicant) (*written[Binding], error) {
		return s.bindingCommand(ctx, in.ApplicantID, 200, binding.Approve{})
	})
	handle(s, route{"POST", "/bindings/{applicantId}/reject", "Refuse a binding", "RejectBinding", 200}, func(ctx context.Context, in *struct {
		ByApplicant
		Body struct {
			Opinion string `json:"opinion"`
		}
	}) (*written[Binding], error) {
		return s.bindingCommand(ctx, in.ApplicantID, 200, binding.Reject{Opinion: in.Body.Opinion})
	})
}

// ByApplicant names a person by id in the path.
type ByApplicant struct {
	ApplicantID string `path:"applicantId" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$"`
}

func (s *Server) bindingCommand(ctx context.Context, applicant string, status int, c binding.Command) (*written[Binding], error) {
	r, err := s.Executor.Binding(ctx, requestOf(ctx).envelope(), applicant, c)
	if err != nil {
		return nil, err
	}
	return wrote(r, status, bindingOf(r.State.Applicant, r.State.Unit, r.State.Status, r.State.Opinion)), nil
}

func (s *Server) bind(ctx context.Context, in *struct {
	Body struct {
		USCC string `json:"uscc" minLength:"1" maxLength:"64"`
	}
}) (*written[Binding], error) {
	return s.bindingCommand(ctx, requestOf(ctx).actor.ID, 201, binding.Bind{USCC: in.Body.USCC})
}

func (s *Server) currentBinding(ctx context.Context, _ *struct{}) (*read[Binding], error) {
	a := requestOf(ctx).actor
	d, _, ok, err := views.Bindings.Get(ctx, s.Reader, a.ID)
	if err != nil {
		return nil, err
	}
	if !ok {
		return &read[Binding]{Status: 200, Body: bindingOf(domain.Organization{ID: a.ID, Name: a.Name}, domain.Organization{}, binding.StatusNone, "")}, nil
	}
	return found(ctx, shownBinding(d), d.Revision), nil
}

func (s *Server) bindings(ctx context.Context, in *struct {
	Paging
	Unit   string `query:"unit" maxLength:"64" doc:"For auditors: the unit's credit code"`
	Status string `query:"status" enum:"pending,bound" default:"pending"`
}) (*struct{ Body list[Binding] }, error) {
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	a := requestOf(ctx).actor
	of := cmp.Or(in.Unit, a.Organization.ID)
	if of == "" {
		return nil, domain.ErrInvalid.WithFaults(queryFault("unit", "missing"))
	}
	if !access.Allowed(a, "viewBindings", access.Resource{Unit: of}) {
		return nil, unit.ErrNotRegistered
	}
	page, err := views.Bindings.Find(ctx, s.Reader, readmodels.Query{
		Equal: map[string]any{"unit": of, "status": in.Status}, Sort: "requested", After: key, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	return &struct{ Body list[Binding] }{listOf(page, shownBinding)}, nil
}
