package commands

import (
	"context"
	"fmt"

	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/gb"
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
		facts: func(_ context.Context, _ unit.State, c unit.Command) (unit.Command, error) {
			if r, registering := c.(unit.Register); registering {
				_, fits := gb.CheckCreditCode(uscc)
				r.USCC, r.CheckFailed = uscc, !fits
				return r, nil
			}
			return c, nil
		},
	})
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
