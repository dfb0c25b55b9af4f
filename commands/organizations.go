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
		facts: func(ctx context.Context, _ organization.State, c organization.Command) (organization.Command, error) {
			switch c := c.(type) {
			case organization.Create:
				c.ID = id
				if c.Parent == "" {
					return c, nil
				}
				parent, _, err := load(ctx, x, organizations, domain.Stream(domain.CategoryOrganization, c.Parent), false)
				c.ParentKind = parent.state.Kind
				return c, err
			case organization.GrantOfficer:
				c.Now = x.clock().UTC()
				return c, nil
			}
			return c, nil
		},
	})
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
	}
	panic(fmt.Sprintf("commands: %T has no action", c))
}
