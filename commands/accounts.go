package commands

import (
	"context"
	"fmt"

	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/account"
	"zhiping/domain/organization"
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
		facts: func(ctx context.Context, _ account.State, _ domain.Usage) (account.Facts, error) {
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
		By: env.Actor.ID, Known: s.Known, Disabled: s.Disabled, OtherAdmin: s.OtherAdmin, Recorded: s.Roles,
	}
	if _, granting := c.(account.Grant); granting && !env.Actor.Has(domain.Operator) {
		if f.Appointed, err = x.appointed(ctx, id, env.Actor.ID); err != nil {
			return f, err
		}
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

// maxAppointers bounds how many accounts are looked at for an appointment.
const maxAppointers = 1000

// appointed tells whether an account has had a hand in appointing another one, directly or through others. What was revoked
// since counts too. It fails where more accounts than maxAppointers had a hand in it.
func (x *Executor) appointed(ctx context.Context, by, admin string) (bool, error) {
	seen, next := map[string]bool{admin: true}, []string{admin}
	for len(next) > 0 && len(seen) <= maxAppointers {
		l, _, err := load(ctx, x, accounts, domain.Stream(domain.CategoryAccount, next[0]), false)
		if err != nil {
			return false, err
		}
		next = next[1:]
		for _, a := range l.state.Appointers {
			if a == by {
				return true, nil
			}
			if !seen[a] {
				seen[a], next = true, append(next, a)
			}
		}
	}
	return len(next) > 0, nil
}

// claimOffice claims the account's one office for a grant that is about to be appended behind a revision of the organization's
// stream. Of several organizations that appoint one account at the same moment, only one gets the claim.
func (x *Executor) claimOffice(ctx context.Context, env Envelope, s organization.State, c organization.GrantOfficer, revision uint64) error {
	env.Key, env.IfMatch = "", nil // the condition is on the organization
	claim := account.ClaimOffice{Organization: s.ID, Revision: revision, Role: s.Kind.Role()}
	_, err := execute(ctx, x, accounts, request[account.State, account.Facts, account.Command]{
		env: env, id: c.Account, cmd: claim,
		authorise: func(account.State) error {
			if !access.Allowed(env.Actor, access.Action(account.CommandName(claim)), access.Resource{}) {
				return domain.ErrForbidden
			}
			return nil
		},
		facts: func(ctx context.Context, have account.State, _ domain.Usage) (account.Facts, error) {
			f := account.Facts{Account: c.Account, By: env.Actor.ID}
			if have.Office.Organization == "" || have.Office.Organization == s.ID {
				return f, nil
			}
			o, _, err := load(ctx, x, organizations, domain.Stream(domain.CategoryOrganization, have.Office.Organization), false)
			if err != nil {
				return f, err
			}
			officer, is := o.state.Officer(c.Account)
			f.OfficeHeld = is && officer.Active(x.clock()) || o.result().Revision <= have.Office.Revision
			return f, nil
		},
	})
	return err
}
