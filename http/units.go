package http

import (
	"cmp"
	"context"

	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/binding"
	"zhiping/domain/gb"
	"zhiping/domain/text"
	"zhiping/domain/unit"
	"zhiping/readmodels"
	"zhiping/readmodels/views"
)

// Unit is a recommending unit; Binding is the caller's to it: none, pending or bound.
type Unit struct {
	USCC       string              `json:"uscc"`
	Name       string              `json:"name"`
	Department domain.Organization `json:"department"`
	Status     unit.Status         `json:"status"`
	Binding    string              `json:"binding,omitempty" enum:"none,pending,bound"`
	Revision   uint64              `json:"revision"`
}

func (s *Server) unitRoutes() {
	handle(s, route{"GET", "/units", "Look a unit up by its credit code, or list those below the caller's organization", "viewUnit", 200}, s.units)
	handle(s, route{"POST", "/units", "Register a unit", "RegisterUnit", 201}, s.registerUnit)
	handle(s, route{"POST", "/units/{uscc}/approve", "Approve a unit's registration", "ApproveUnit", 200}, s.approveUnit)
}

type unitsIn struct {
	Paging
	USCC   string `query:"uscc"`
	Status string `query:"status" enum:"registered,approved"`
}

// units answers one unit for a code, as the contract says; without one, a department's units.
func (s *Server) units(ctx context.Context, in *unitsIn) (*struct{ Body any }, error) {
	if in.USCC == "" && access.MayTry(requestOf(ctx).actor, "viewUnits") {
		out, err := s.listUnits(ctx, in)
		return &struct{ Body any }{out}, err
	}
	u, err := s.lookUp(ctx, in.USCC)
	if err != nil {
		return nil, err
	}
	return &struct{ Body any }{u}, nil
}

// listUnits lists those of a status that the caller may see: a department's own, those below a bureau, or all.
func (s *Server) listUnits(ctx context.Context, in *unitsIn) (list[Unit], error) {
	a := requestOf(ctx).actor
	key, err := in.key()
	if err != nil {
		return list[Unit]{}, err
	}
	q := readmodels.Query{Equal: map[string]any{"status": cmp.Or(in.Status, string(unit.StatusRegistered))}, Sort: "registered", After: key, Limit: in.Limit}
	if a.Has(domain.Department) {
		q.Equal["department"] = a.Organization.ID
	}
	item := func(d *views.Unit) Unit {
		return Unit{USCC: d.USCC, Name: d.Name, Department: d.Department, Status: d.Status, Revision: d.Revision}
	}
	return scan(ctx, s, views.Units, q, item, func(d *views.Unit) bool {
		return access.Allowed(a, "viewUnits", access.Resource{Unit: d.USCC, Department: d.Department.ID})
	})
}

func (s *Server) lookUp(ctx context.Context, code string) (*Unit, error) {
	form, fits := gb.CheckCreditCode(code)
	if !form {
		f := domain.NewFault("format_uscc", text.Args{"field": text.Of("field.uscc", nil)})
		f.Location = "query.uscc"
		return nil, domain.ErrInvalid.WithFaults(f)
	}
	d, _, ok, err := views.Units.Get(ctx, s.Reader, code)
	if err != nil {
		return nil, err
	}
	if !ok || d.Status != unit.StatusApproved {
		return nil, unit.ErrNotRegistered.With(text.Args{"checkFailed": !fits})
	}
	u := Unit{USCC: d.USCC, Name: d.Name, Department: d.Department, Status: d.Status, Binding: "none", Revision: d.Revision}
	b, _, ok, err := views.Bindings.Get(ctx, s.Reader, requestOf(ctx).actor.ID)
	if err != nil {
		return nil, err
	}
	if ok && b.Unit.ID == code && b.Status != binding.StatusNone {
		u.Binding = string(b.Status)
	}
	return &u, nil
}

type unitBody struct {
	USCC           string `json:"uscc" maxLength:"64"`
	Name           string `json:"name" maxLength:"1000"`
	Department     office `json:"department"`
	OverrideReason string `json:"overrideReason,omitempty" maxLength:"500"`
}

// office names an organization by its id; a name beside it is taken and not heeded, the tree of organizations has it.
type office struct {
	ID   string `json:"id" maxLength:"64"`
	Name string `json:"name,omitempty" maxLength:"1000"`
}

func unitOf(s unit.State, revision uint64) Unit {
	return Unit{USCC: s.USCC, Name: s.Name, Department: s.Department, Status: s.Status, Revision: revision}
}

func (s *Server) registerUnit(ctx context.Context, in *struct{ Body unitBody }) (*written[Unit], error) {
	form, _ := gb.CheckCreditCode(in.Body.USCC)
	if !form {
		f := domain.NewFault("format_uscc", text.Args{"field": text.Of("field.uscc", nil)})
		f.Location = "body.uscc"
		return nil, domain.ErrInvalid.WithFaults(f)
	}
	r, err := s.Executor.Unit(ctx, requestOf(ctx).envelope(), in.Body.USCC, unit.Register{
		USCC: in.Body.USCC, Name: in.Body.Name, Department: domain.Organization(in.Body.Department), OverrideReason: in.Body.OverrideReason,
	})
	if err != nil {
		return nil, err
	}
	out := wrote(r, 201, unitOf(r.State, r.Revision))
	out.Location = "/api/v1/units?uscc=" + in.Body.USCC
	return out, nil
}

func (s *Server) approveUnit(ctx context.Context, in *struct {
	USCC string `path:"uscc" maxLength:"18"`
}) (*written[Unit], error) {
	r, err := s.Executor.Unit(ctx, requestOf(ctx).envelope(), in.USCC, unit.Approve{})
	if err != nil {
		return nil, err
	}
	return wrote(r, 200, unitOf(r.State, r.Revision)), nil
}
