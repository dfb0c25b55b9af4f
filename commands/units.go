package commands

import (
	"context"

	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/gb"
	"zhiping/domain/organization"
	"zhiping/domain/unit"
)

// Unit runs a command on the unit with this credit code.
func (x *Executor) Unit(ctx context.Context, env Envelope, uscc string, c unit.Command) (Result[unit.State], error) {
	name := access.Action(unit.CommandName(c))
	return execute(ctx, x, units, request[unit.State, unit.Facts, unit.Command]{
		env: env, id: uscc, cmd: c,
		authorise: func(s unit.State) error {
			r := access.Resource{Unit: uscc, Department: s.Department.ID}
			if s.Status == "" {
				if _, registering := c.(unit.Register); !registering {
					return mayTry(env.Actor, name) // Decide says that there is no such unit
				}
			}
			if !access.Allowed(env.Actor, name, r) {
				return domain.ErrForbidden
			}
			return nil
		},
		facts: func(ctx context.Context, _ unit.State, _ domain.Usage) (unit.Facts, error) {
			if r, registering := c.(unit.Register); registering {
				return x.registrationFacts(ctx, r)
			}
			return unit.Facts{}, nil
		},
	})
}

// registrationFacts looks the department of a unit to be registered up in the tree of organizations.
func (x *Executor) registrationFacts(ctx context.Context, r unit.Register) (f unit.Facts, err error) {
	_, fits := gb.CheckCreditCode(r.USCC)
	f.CheckFailed = !fits
	department, err := x.organization(ctx, r.Department.ID)
	if err != nil {
		return f, err
	}
	own, err := x.organization(ctx, r.USCC)
	if err != nil {
		return f, err
	}
	above, err := x.organization(ctx, own.Parent)
	if err != nil {
		return f, err
	}
	elsewhere := above.Kind == organization.KindDepartment && above.ID != r.Department.ID
	if department.Kind == organization.KindDepartment && !department.Closed && !own.Closed && !elsewhere {
		f.Department = domain.Organization{ID: department.ID, Name: department.Name}
	}
	return f, nil
}

func mayTry(a domain.Actor, action access.Action) error {
	if !access.MayTry(a, action) {
		return domain.ErrForbidden
	}
	return nil
}
