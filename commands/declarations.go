package commands

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/binding"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/domain/notice"
)

// Declaration runs a command on the declaration. The id of one to be started is domain.DeclarationID of its
// notice and the actor; ErrNotFound is all that a caller learns of a declaration that they may not see.
func (x *Executor) Declaration(ctx context.Context, env Envelope, id uuid.UUID, c declaration.Command) (Result[declaration.State], error) {
	name := access.Action(declaration.CommandName(c))
	return execute(ctx, x, declarations, request[declaration.State, declaration.Facts, declaration.Command]{
		env: env, id: id.String(), cmd: c, exclusive: access.Decides(name),
		authorise: func(s declaration.State) error { return authoriseDeclaration(env.Actor, name, s) },
		facts: func(ctx context.Context, s declaration.State, used domain.Usage) (declaration.Facts, error) {
			f, err := x.declarationFacts(ctx, env, s, c)
			if err != nil {
				return f, err
			}
			f.ID, f.Applicant, f.Usage = id, domain.Organization{ID: env.Actor.ID, Name: env.Actor.Name}, used
			if _, attaching := c.(declaration.AttachFile); attaching {
				f.AttachedToday, err = x.attachedToday(ctx, s)
			}
			return f, err
		},
		reserve: func(ctx context.Context, s declaration.State, f declaration.Facts, revision uint64) error {
			if _, approving := c.(declaration.ApproveStage); approving && declaration.TakesPlace(s, f) {
				return x.claimPlace(ctx, env, s, revision, f.Notice.Places)
			}
			return nil
		},
	})
}

// attachedToday sums what the applicant's declarations took today, by their own streams; only which there are is asked of the
// views. Uploads to several declarations at the same moment may pass the bound by what they bring.
func (x *Executor) attachedToday(ctx context.Context, s declaration.State) (int64, error) {
	ids, err := x.index.Declarations(ctx, s.Applicant.ID)
	if err != nil {
		return 0, fmt.Errorf("declarations of %s: %w", s.Applicant.ID, err)
	}
	if !slices.Contains(ids, s.ID) {
		ids = append(ids, s.ID)
	}
	var sum int64
	for _, id := range ids {
		d, _, err := load(ctx, x, declarations, domain.Stream(domain.CategoryDeclaration, id.String()), false)
		if err != nil {
			return 0, err
		}
		sum += d.usage.asOf(x.clock()).BytesToday
	}
	return sum, nil
}

// Resource is the declaration as the policy table sees it.
func Resource(s declaration.State) access.Resource {
	r := access.Resource{Applicant: s.Applicant.ID, Unit: s.Unit.ID, Department: s.Department.ID}
	for _, st := range s.Route {
		r.Reviewers = append(r.Reviewers, st.Organization.ID)
	}
	return r
}

// authoriseDeclaration answers alike for a declaration that the actor may not see and for one that is not there: that it is not
// there, or to decisions of officers that it is not theirs to decide (HTTP contract, “Review”).
func authoriseDeclaration(a domain.Actor, action access.Action, s declaration.State) error {
	if err := mayTry(a, action); err != nil {
		return err
	}
	r := Resource(s)
	switch {
	case s.Status == "" && action == access.Action(declaration.CommandName(declaration.Start{})):
		return nil
	case s.Status != "" && access.Allowed(a, action, r):
		return nil
	case access.Decides(action) || s.Status != "" && access.Allowed(a, "viewDeclaration", r):
		return domain.ErrForbidden
	}
	return declaration.ErrNotFound
}

// declarationFacts looks up what the command needs: the notice always, the applicant's account, binding and unit only
// where the command depends on them, since every look-up is a round trip.
func (x *Executor) declarationFacts(ctx context.Context, env Envelope, s declaration.State, c declaration.Command) (declaration.Facts, error) {
	f := declaration.Facts{Now: x.clock().UTC(), Organization: env.Actor.Organization}
	noticeID, applicant := s.Notice.ID, s.Applicant.ID
	if st, starting := c.(declaration.Start); starting {
		noticeID, applicant = st.NoticeID, env.Actor.ID
	}
	if noticeID == uuid.Nil {
		return f, nil // there is no such declaration, as Decide will say
	}
	n, _, err := load(ctx, x, notices, domain.Stream(domain.CategoryNotice, noticeID.String()), false)
	if err != nil {
		return f, err
	}
	content := n.state.Content
	f.Notice = declaration.Notice{
		ID: noticeID, Title: content.Title, Year: content.Year, Batch: content.Batch,
		Published: n.state.Status != "" && n.state.Status != notice.StatusDraft,
		Open:      n.state.Open(f.Now), Upcoming: n.state.Phase(f.Now) == "upcoming",
		CutOff: content.CutOffDate(), Bureau: content.Bureau, Committee: content.Committee,
		ResubmitTo: content.ResubmitTo, CorrectionDays: content.CorrectionDays,
	}
	f.Notice.Places, f.Notice.Bounded = content.Places(s.Unit.ID)
	if !f.Notice.Published {
		return f, nil
	}
	if f.Checker, err = x.checker(noticeID, n.state); err != nil {
		return f, err
	}
	switch c.(type) {
	case declaration.Start:
		return f, x.bindingOf(ctx, applicant, &f)
	case declaration.Submit:
		if f.Account, err = x.people.Registered(ctx, applicant); err != nil {
			return f, err
		}
		if err := x.bindingOf(ctx, applicant, &f); err != nil {
			return f, err
		}
		f.Above, err = x.above(ctx, f.Department.ID, f.Checker.Definition().Above())
	}
	return f, err
}

func (x *Executor) bindingOf(ctx context.Context, applicant string, f *declaration.Facts) error {
	b, _, err := load(ctx, x, bindings, domain.Stream(domain.CategoryBinding, applicant), false)
	if err != nil {
		return err
	}
	f.Pending = b.state.Status == binding.StatusPending
	if b.state.Status != binding.StatusBound {
		return nil
	}
	u, _, err := load(ctx, x, units, domain.Stream(domain.CategoryUnit, b.state.Unit.ID), false)
	if err != nil {
		return err
	}
	o, err := x.organization(ctx, b.state.Unit.ID)
	if err != nil || o.Closed { // nobody could decide at a closed unit: the applicant binds to another one first
		return err
	}
	f.Unit, f.Department = domain.Organization{ID: b.state.Unit.ID, Name: cmp.Or(o.Name, b.state.Unit.Name)}, u.state.Department
	return nil
}

// Problems lists what still blocks the submission of a declaration, by the same look-ups and the same check as
// Submit itself. Offices are told the problems of what was submitted last. Whether the actor may see the declaration is the
// caller's question.
func (x *Executor) Problems(ctx context.Context, env Envelope, id uuid.UUID) ([]domain.Fault, error) {
	s, f, err := x.checkable(ctx, env, id)
	if err != nil {
		return nil, err
	}
	return declaration.Problems(s, f), nil
}

// Warnings lists what the data check leaves to offices, under the same conditions as Problems.
func (x *Executor) Warnings(ctx context.Context, env Envelope, id uuid.UUID) ([]domain.Fault, error) {
	s, f, err := x.checkable(ctx, env, id)
	if err != nil {
		return nil, err
	}
	return declaration.Warnings(s, f), nil
}

// checkable is the declaration as its data check shows it to the actor, with the facts of a submission.
func (x *Executor) checkable(ctx context.Context, env Envelope, id uuid.UUID) (s declaration.State, f declaration.Facts, err error) {
	d, _, err := load(ctx, x, declarations, domain.Stream(domain.CategoryDeclaration, id.String()), false)
	if err != nil {
		return s, f, err
	}
	if s = d.state; s.Status == "" {
		return s, f, declaration.ErrNotFound
	}
	if !access.Allowed(env.Actor, "viewRewriting", Resource(s)) {
		var submitted bool
		if s, submitted = s.AsSubmitted(); !submitted {
			return s, f, declaration.ErrNotFound
		}
	}
	f, err = x.declarationFacts(ctx, env, s, declaration.Submit{})
	return s, f, err
}

// Slot tells, before any content is read, what the slot of a file to be attached takes: the same refusals as
// AttachFile's own, as far as they do not depend on the content.
func (x *Executor) Slot(ctx context.Context, env Envelope, id uuid.UUID, file declaration.File) (catalog.Slot, error) {
	d, _, err := load(ctx, x, declarations, domain.Stream(domain.CategoryDeclaration, id.String()), false)
	if err != nil {
		return catalog.Slot{}, err
	}
	if err := authoriseDeclaration(env.Actor, "AttachFile", d.state); err != nil {
		return catalog.Slot{}, err
	}
	if d.state.Status == "" {
		return catalog.Slot{}, declaration.ErrNotFound
	}
	f, err := x.declarationFacts(ctx, env, d.state, declaration.AttachFile{})
	if err != nil {
		return catalog.Slot{}, err
	}
	f.Usage = d.usage.asOf(f.Now)
	if f.AttachedToday, err = x.attachedToday(ctx, d.state); err != nil {
		return catalog.Slot{}, err
	}
	return declaration.Attachable(d.state, f, file)
}

// Checker is the compiled definition of a published notice.
func (x *Executor) Checker(ctx context.Context, noticeID uuid.UUID) (declaration.Checker, error) {
	if c, ok := x.checkers.Get(noticeID); ok {
		return c, nil
	}
	n, _, err := load(ctx, x, notices, domain.Stream(domain.CategoryNotice, noticeID.String()), false)
	if err != nil {
		return nil, err
	}
	if n.state.Status == "" || n.state.Status == notice.StatusDraft {
		return nil, notice.ErrNotFound
	}
	return x.checker(noticeID, n.state)
}

// checker compiles a notice's definition once; it never changes after publication.
func (x *Executor) checker(id uuid.UUID, s notice.State) (declaration.Checker, error) {
	if c, ok := x.checkers.Get(id); ok {
		return c, nil
	}
	c, err := x.compile(s.Definition)
	if err != nil {
		return nil, fmt.Errorf("compile the definition of notice %s: %w", id, err)
	}
	x.checkers.Add(id, c)
	return c, nil
}
