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
	name := access.Action(account.CommandName(c))
	return execute(ctx, x, accounts, request[account.State, account.Facts, account.Command]{
		env: env, id: id, cmd: c,
		authorise: func(account.State) error {
			if !access.Allowed(env.Actor, name, access.Resource{}) {
				return domain.ErrForbidden
			}
			return nil
		},
		facts: func(ctx context.Context, _ account.State) (account.Facts, error) {
			return x.accountFacts(ctx, env, id, c)
		},
	})
}

// accountFacts looks up how the account stands. Accounts are in no stream, so two admins who revoke each other at the very
// same moment both pass.
func (x *Executor) accountFacts(ctx context.Context, env Envelope, id string, c account.Command) (account.Facts, error) {
	s, err := x.people.Standing(ctx, id)
	if err != nil {
		return account.Facts{}, fmt.Errorf("standing of %s: %w", id, err)
	}
	f := account.Facts{
		Now: x.clock().UTC(), Account: id, Origin: account.ByAdmin, Self: env.Actor.ID == id,
		Known: s.Known, Disabled: s.Disabled, OtherAdmin: s.OtherAdmin, Recorded: s.Roles,
	}
	switch c.(type) {
	case account.Claim:
		f.Origin = account.ByProvider
	case account.Record:
		f.Origin = account.Before
	default:
		if env.Actor.Has(domain.Operator) {
			f.Origin = account.ByOperator
		}
	}
	return f, nil
}
