package commands

import (
	"context"
	"fmt"

	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/organization"
)

// Organization runs a command on the organization.
func (x *Executor) Organization(ctx context.Context, env Envelope, id string, c organization.Command) (Result[organization.State], error) {
	return execute(ctx, x, organizations, request[organization.State, organization.Facts, organization.Command]{
		env: env, id: id, cmd: c,
		authorise: func(organization.State) error {
			if !access.Allowed(env.Actor, access.Action(organization.CommandName(c)), access.Resource{}) {
				return domain.ErrForbidden
			}
			return nil
		},
		facts: func(ctx context.Context, s organization.State, _ domain.Usage) (organization.Facts, error) {
			return x.organizationFacts(ctx, env, id, s, c)
		},
		reserve: func(ctx context.Context, s organization.State, _ organization.Facts, revision uint64) error {
			if grant, granting := c.(organization.GrantOfficer); granting {
				return x.claimOffice(ctx, env, s, grant, revision)
			}
			return nil
		},
	})
}

// organizationFacts looks up what the command needs of other streams. What lies below and what waits is asked of the
// views, once they have caught up: an organization made, or a declaration submitted, at the very moment of a closure
// can be missed, and shows in the lists.
func (x *Executor) organizationFacts(ctx context.Context, env Envelope, id string, s organization.State, c organization.Command) (organization.Facts, error) {
	f := organization.Facts{Now: x.clock().UTC(), ID: id, By: env.Actor.ID}
	var err error
	switch c := c.(type) {
	case organization.Create:
		kind, err := x.parentKind(ctx, c.Parent)
		if err != nil || c.Kind != organization.KindUnit {
			f.ParentKind = kind
			return f, err
		}
		u, _, err := load(ctx, x, units, domain.Stream(domain.CategoryUnit, id), false)
		if registered := u.state.Status != ""; !registered || u.state.Department.ID == c.Parent {
			f.ParentKind = kind // else the unit has registered below another department
		}
		return f, err
	case organization.Reopen:
		f.ParentKind, err = x.parentKind(ctx, s.Parent)
		return f, err
	case organization.GrantOfficer:
		account, err := x.people.Standing(ctx, c.Account)
		if err != nil {
			return f, fmt.Errorf("standing of %s: %w", c.Account, err)
		}
		f.Elsewhere = account.Office
		f.Appointed, err = x.appointed(ctx, c.Account, env.Actor.ID)
		return f, err
	case organization.Close:
		if f.Below, err = x.index.Below(ctx, s.ID); err != nil {
			return f, fmt.Errorf("below %s: %w", s.ID, err)
		}
		if f.Waiting, err = x.index.Waiting(ctx, s.ID); err != nil {
			return f, fmt.Errorf("waiting for %s: %w", s.ID, err)
		}
	}
	return f, nil
}

// organization is an organization as its events tell it; the zero State where there is none.
func (x *Executor) organization(ctx context.Context, id string) (organization.State, error) {
	if id == "" {
		return organization.State{}, nil
	}
	l, _, err := load(ctx, x, organizations, domain.Stream(domain.CategoryOrganization, id), false)
	return l.state, err
}

// above lists departments above one, the nearest first, at most so many. A closed one is passed over, since nobody could
// decide there: only a race leaves one above an open one. The line ends at whatever is no department, such as a
// bureau. What an organization lies below never changes today; a line that came back to itself would end there.
func (x *Executor) above(ctx context.Context, department string, most int) ([]domain.Organization, error) {
	var line []domain.Organization
	seen := map[string]bool{}
	for at := department; len(line) < most && !seen[at]; {
		seen[at] = true
		o, err := x.organization(ctx, at)
		if err != nil {
			return nil, err
		}
		if o.Kind != organization.KindDepartment {
			break
		}
		if at != department && !o.Closed {
			line = append(line, domain.Organization{ID: o.ID, Name: o.Name})
		}
		at = o.Parent
	}
	return line, nil
}

// parentKind is empty for no organization and for a closed one.
func (x *Executor) parentKind(ctx context.Context, id string) (organization.Kind, error) {
	o, err := x.organization(ctx, id)
	if o.Closed {
		return "", err
	}
	return o.Kind, err
}
