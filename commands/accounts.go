package commands

import (
	"context"
	"fmt"

	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/account"
)

// Account runs a command on the roles that an account holds itself.
func (x *Executor) Account(ctx context.Context, env Envelope, id string, c account.Command) (Result[account.State], error) {
	name := accountAction(c)
	return execute(ctx, x, accounts, request[account.State, account.Command]{
		env: env, id: id, cmd: c, name: name,
		authorise: func(account.State) error {
			if !access.Allowed(env.Actor, access.Action(name), access.Resource{}) {
				return domain.ErrForbidden
			}
			return nil
		},
		facts: func(ctx context.Context, _ account.State, c account.Command) (account.Command, error) {
			return x.accountFacts(ctx, env, id, c)
		},
	})
}

// accountFacts looks up how the account stands. Accounts are in no stream, so two admins who revoke each other at the very
// same moment both pass.
func (x *Executor) accountFacts(ctx context.Context, env Envelope, id string, c account.Command) (account.Command, error) {
	s, err := x.people.Standing(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("standing of %s: %w", id, err)
	}
	f := account.Facts{
		Now: x.clock().UTC(), Account: id, Origin: account.ByAdmin, Self: env.Actor.ID == id,
		Known: s.Known, Disabled: s.Disabled, OtherAdmin: s.OtherAdmin, Recorded: s.Roles,
	}
	if env.Actor.Has(domain.Operator) {
		f.Origin = account.ByOperator
	}
	switch c := c.(type) {
	case account.Grant:
		c.Facts = f
		return c, nil
	case account.Revoke:
		c.Facts = f
		return c, nil
	case account.RevokeAll:
		c.Facts = f
		return c, nil
	case account.Claim:
		f.Origin = account.ByProvider
		c.Facts = f
		return c, nil
	case account.Record:
		f.Origin = account.Before
		c.Facts = f
		return c, nil
	}
	return c, nil
}

func accountAction(c account.Command) string {
	switch c.(type) {
	case account.Grant:
		return "GrantRole"
	case account.Revoke:
		return "RevokeRole"
	case account.RevokeAll:
		return "RevokeRoles"
	case account.Claim:
		return "ClaimRoles"
	case account.Record:
		return "RecordRole"
	}
	panic(fmt.Sprintf("commands: %T has no action", c))
}
