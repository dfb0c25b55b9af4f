package commands

import (
	"context"
	"fmt"

	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/organization"
)

// Organization runs a command on the organization. Elsewhere of a GrantOfficer is the caller's to look up, since
// accounts are in no stream.
func (x *Executor) Organization(ctx context.Context, env Envelope, id string, c organization.Command) (Result[organization.State], error) {
	name := organizationAction(c)
	return execute(ctx, x, organizations, request[organization.State, organization.Command]{
		env: env, id: id, cmd: c, name: name,
		authorise: func(organization.State) error {
			if !access.Allowed(env.Actor, access.Action(name), access.Resource{}) {
				return domain.ErrForbidden
			}
			return nil
		},
		facts: func(ctx context.Context, s organization.State, c organization.Command) (organization.Command, error) {
			switch named := c.(type) {
			case organization.Create:
				named.ID = id
				c = named
			case organization.GrantOfficer:
				named.By = env.Actor.ID // admins decide on no declaration, nor as the officers that they make of themselves
				c = named
			}
			return x.organizationFacts(ctx, s, c)
		},
	})
}

// organizationFacts looks up what the command needs of other streams. What lies below and what waits is asked of the
// views, once they have caught up: an organization made, or a declaration submitted, at the very moment of a closure
// can be missed, and shows in the lists.
func (x *Executor) organizationFacts(ctx context.Context, s organization.State, c organization.Command) (organization.Command, error) {
	switch c := c.(type) {
	case organization.Create:
		kind, err := x.parentKind(ctx, c.Parent)
		if err != nil || c.Kind != organization.KindUnit {
			c.ParentKind = kind
			return c, err
		}
		u, _, err := load(ctx, x, units, domain.Stream(domain.CategoryUnit, c.ID), false)
		if registered := u.state.Status != ""; !registered || u.state.Department.ID == c.Parent {
			c.ParentKind = kind // else the unit has registered below another department
		}
		return c, err
	case organization.Reopen:
		kind, err := x.parentKind(ctx, s.Parent)
		c.ParentKind = kind
		return c, err
	case organization.GrantOfficer:
		c.Now = x.clock().UTC()
		return c, nil
	case organization.Close:
		var err error
		if c.Below, err = x.index.Below(ctx, s.ID); err != nil {
			return nil, fmt.Errorf("below %s: %w", s.ID, err)
		}
		if c.Waiting, err = x.index.Waiting(ctx, s.ID); err != nil {
			return nil, fmt.Errorf("waiting for %s: %w", s.ID, err)
		}
		return c, nil
	}
	return c, nil
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

func organizationAction(c organization.Command) string {
	switch c.(type) {
	case organization.Create:
		return "CreateOrganization"
	case organization.Rename:
		return "RenameOrganization"
	case organization.GrantOfficer:
		return "GrantOfficer"
	case organization.RevokeGrant:
		return "RevokeGrant"
	case organization.Close:
		return "CloseOrganization"
	case organization.Reopen:
		return "ReopenOrganization"
	}
	panic(fmt.Sprintf("commands: %T has no action", c))
}
