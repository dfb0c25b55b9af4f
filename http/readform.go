package http

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/declaration"
	"zhiping/readmodels/views"
)

// visible tells whether the caller may see a declaration; who may not learns only that it is not there.
func visible(ctx context.Context, r access.Resource) error {
	if !access.Allowed(requestOf(ctx).actor, "viewDeclaration", r) {
		return declaration.ErrNotFound
	}
	return nil
}

// formDoc reads a declaration that the caller may see. Offices see what was submitted last, never what is rewritten since.
func (s *Server) formDoc(ctx context.Context, id uuid.UUID) (*views.Form, error) {
	d, err := views.ReadForm(ctx, s.Reader, id)
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, declaration.ErrNotFound
	}
	r := commands.Resource(d.State)
	if err := visible(ctx, r); err != nil {
		return nil, err
	}
	if !changing(d.State.Status) || access.Allowed(requestOf(ctx).actor, "viewRewriting", r) {
		return d, nil
	}
	d, err = s.asSubmitted(ctx, id, d)
	if err != nil {
		return nil, err
	}
	d.UpdatedAt = d.SubmittedAt
	if d.Return != nil {
		d.UpdatedAt = d.Return.At
	}
	return d, nil
}

// asSubmitted is a copy of a declaration with what was entered when it was submitted last, from its events.
func (s *Server) asSubmitted(ctx context.Context, id uuid.UUID, d *views.Form) (*views.Form, error) {
	then, err := s.submitted(ctx, id, d.Revision)
	if err != nil {
		return nil, err
	}
	whole := *d // what is read from the views is shared
	whole.State.SelfCheck, whole.State.Modules, whole.State.Files, whole.State.Recommenders = then.SelfCheck, then.Modules, then.Files, then.Recommenders
	return &whole, nil
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
	w, err := s.window(ctx, d.State.Notice.ID)
	if err != nil {
		return nil, err
	}
	body, err := s.formOf(ctx, d.State, d.Revision, w, s.Clock())
	if err != nil {
		return nil, err
	}
	body.at(d)
	switch { // a notice closes without an event of the declaration
	case body.Lapsed:
		return found(ctx, body, d.Revision, "lapsed"), nil
	case d.State.Status == declaration.StatusSubmitted && !d.State.Decided && !slices.Contains(body.Actions, "withdraw"):
		return found(ctx, body, d.Revision, "closed"), nil
	}
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
	var then time.Time
	for _, e := range events {
		ev, ok := e.Event.(declaration.Event)
		if !ok {
			continue
		}
		now = declaration.Evolve(now, ev)
		if (at.IsZero() || !e.At.After(at)) && (revision < 0 || e.Revision <= uint64(revision)) {
			st, last, then = now, e.Revision, e.At
		}
	}
	if now.Status == "" {
		return nil, declaration.ErrNotFound
	}
	if err := visible(ctx, commands.Resource(now)); err != nil {
		return nil, err
	}
	if !access.Allowed(requestOf(ctx).actor, "viewRewriting", commands.Resource(now)) {
		st, _ = st.AsSubmitted() // offices never see a draft, as of whatever moment
	}
	if st.Status == "" { // before it was started, or for offices before it was submitted
		return nil, declaration.ErrNotFound
	}
	if !at.IsZero() {
		then = at
	}
	w, err := s.window(ctx, st.Notice.ID)
	if err != nil {
		return nil, err
	}
	body, err := s.formOf(ctx, st, last, w, then)
	if err != nil {
		return nil, err
	}
	return &read[Form]{Status: 200, ETag: etag(last), Body: body}, nil
}
