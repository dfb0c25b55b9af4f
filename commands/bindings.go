package commands

import (
	"cmp"
	"context"
	"fmt"

	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/binding"
	"zhiping/domain/declaration"
	"zhiping/domain/unit"
)

// Binding runs a command on the applicant's binding.
func (x *Executor) Binding(ctx context.Context, env Envelope, applicant string, c binding.Command) (Result[binding.State], error) {
	name := access.Action(binding.CommandName(c))
	return execute(ctx, x, bindings, request[binding.State, binding.Facts, binding.Command]{
		env: env, id: applicant, cmd: c,
		authorise: func(s binding.State) error {
			if err := mayTry(env.Actor, name); err != nil {
				return err
			}
			switch c.(type) {
			case binding.Approve, binding.Reject:
				// Only an officer of the unit that was asked hears that nothing is waiting any more. Others hear the same of a request to
				// another unit as of none.
				asked := s.Status != binding.StatusPending && env.Actor.Organization.ID != "" && applicant != env.Actor.ID
				if asked && (s.Unit.ID == env.Actor.Organization.ID || s.Former.ID == env.Actor.Organization.ID) {
					return nil
				}
			}
			if !access.Allowed(env.Actor, name, access.Resource{Applicant: applicant, Unit: s.Unit.ID}) {
				return domain.ErrForbidden
			}
			return nil
		},
		facts: func(ctx context.Context, s binding.State, used domain.Usage) (binding.Facts, error) {
			f, err := x.bindingFacts(ctx, env, applicant, s, c)
			f.Usage = used
			return f, err
		},
	})
}

func (x *Executor) bindingFacts(ctx context.Context, env Envelope, applicant string, s binding.State, c binding.Command) (binding.Facts, error) {
	f := binding.Facts{Applicant: domain.Organization{ID: applicant, Name: env.Actor.Name}, Officer: env.Actor.Organization.ID}
	switch c := c.(type) {
	case binding.Bind:
		var err error
		f.Unit, err = x.openUnit(ctx, c.USCC)
		return f, err
	case binding.Unbind:
		if s.Status != binding.StatusBound {
			return f, nil
		}
		var err error
		f.UnderReview, err = x.underReview(ctx, applicant, s.Unit.ID)
		return f, err
	}
	return f, nil
}

// openUnit is an approved unit that is not closed, by its present name; zero where there is none. Nobody could approve a request to
// a closed one.
func (x *Executor) openUnit(ctx context.Context, uscc string) (domain.Organization, error) {
	u, _, err := load(ctx, x, units, domain.Stream(domain.CategoryUnit, uscc), false)
	if err != nil || u.state.Status != unit.StatusApproved {
		return domain.Organization{}, err
	}
	o, err := x.organization(ctx, uscc)
	if err != nil || o.Closed {
		return domain.Organization{}, err
	}
	return domain.Organization{ID: u.state.USCC, Name: cmp.Or(o.Name, u.state.Name)}, nil
}

// underReview asks the index which declarations there are and the event store how each stands. A submission that
// is appended between this look and the unbinding is the race that remains; the declaration then keeps the unit
// that it was submitted with, and is decided by it.
func (x *Executor) underReview(ctx context.Context, applicant, uscc string) (bool, error) {
	ids, err := x.index.Declarations(ctx, applicant)
	if err != nil {
		return false, fmt.Errorf("declarations of %s: %w", applicant, err)
	}
	for _, id := range ids {
		d, _, err := load(ctx, x, declarations, domain.Stream(domain.CategoryDeclaration, id.String()), false)
		if err != nil {
			return false, err
		}
		if d.state.Status == declaration.StatusSubmitted && d.state.Unit.ID == uscc {
			return true, nil
		}
	}
	return false, nil
}
