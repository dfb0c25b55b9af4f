package commands

import (
	"context"
	"fmt"

	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/gb"
	"zhiping/domain/organization"
	"zhiping/domain/unit"
)

// Unit runs a command on the unit with this credit code.
func (x *Executor) Unit(ctx context.Context, env Envelope, uscc string, c unit.Command) (Result[unit.State], error) {
	name := unitAction(c)
	return execute(ctx, x, units, request[unit.State, unit.Command]{
		env: env, id: uscc, cmd: c, name: name,
		authorise: func(s unit.State) error {
			r := access.Resource{Unit: uscc, Department: s.Department.ID}
			if s.Status == "" {
				if _, registering := c.(unit.Register); !registering {
					return mayTry(env.Actor, name) // Decide says that there is no such unit
				}
			}
			if !access.Allowed(env.Actor, access.Action(name), r) {
				return domain.ErrForbidden
			}
			return nil
		},
		facts: func(ctx context.Context, _ unit.State, c unit.Command) (unit.Command, error) {
			if r, registering := c.(unit.Register); registering {
				_, fits := gb.CheckCreditCode(uscc)
				r.USCC, r.CheckFailed = uscc, !fits
				return x.placed(ctx, r)
			}
			return c, nil
		},
	})
}

// placed looks the department of a unit to be registered up in the tree of organizations, whose name for it counts.
func (x *Executor) placed(ctx context.Context, r unit.Register) (unit.Command, error) {
	department, err := x.organization(ctx, r.Department.ID)
	if err != nil {
		return nil, err
	}
	own, err := x.organization(ctx, r.USCC)
	if err != nil {
		return nil, err
	}
	above, err := x.organization(ctx, own.Parent)
	if err != nil {
		return nil, err
	}
	elsewhere := above.Kind == organization.KindDepartment && above.ID != r.Department.ID
	r.Unplaced = department.Kind != organization.KindDepartment || department.Closed || own.Closed || elsewhere
	if !r.Unplaced {
		r.Department.Name = department.Name
	}
	return r, nil
}

func unitAction(c unit.Command) string {
	switch c.(type) {
	case unit.Register:
		return "RegisterUnit"
	case unit.Approve:
		return "ApproveUnit"
	}
	panic(fmt.Sprintf("commands: %T has no action", c))
}

func mayTry(a domain.Actor, action string) error {
	if !access.MayTry(a, access.Action(action)) {
		return domain.ErrForbidden
	}
	return nil
}
