package commands

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/declaration"
	"zhiping/domain/quota"
)

// claimPlace claims one of the unit's places for its approval of a declaration, which is about to be appended behind
// the revision. It is not under the request's key, since one request may approve many declarations, and its retry may
// find one at another revision than the first time; a claim for the same again changes nothing anyway.
func (x *Executor) claimPlace(ctx context.Context, env Envelope, s declaration.State, revision uint64, places int) error {
	const name = "ClaimPlace"
	env.Key, env.IfMatch = "", nil // the condition is on the declaration
	_, err := execute(ctx, x, quotas, request[quota.State, quota.Command]{
		env: env, id: quota.ID(s.Notice.ID, s.Unit.ID), name: name,
		cmd: quota.Claim{Notice: s.Notice.ID, Unit: s.Unit, Declaration: s.ID, Revision: revision, Places: places},
		authorise: func(quota.State) error {
			if !access.Allowed(env.Actor, name, Resource(s)) {
				return domain.ErrForbidden
			}
			return nil
		},
		facts: x.quotaFacts,
	})
	return err
}

// quotaFacts looks up which declarations take a place: by the views, and for claims that those do not confirm in the
// declarations' own streams. The quota has been read by now, as its package comment asks.
func (x *Executor) quotaFacts(ctx context.Context, s quota.State, cmd quota.Command) (quota.Command, error) {
	c, ok := cmd.(quota.Claim)
	if !ok {
		return cmd, nil
	}
	var err error
	if c.PassedOn, err = x.index.PassedOn(ctx, c.Notice, c.Unit.ID); err != nil {
		return nil, fmt.Errorf("passed on by %s: %w", c.Unit.ID, err)
	}
	c.Standing = map[uuid.UUID]quota.Standing{}
	for id := range s.Claims {
		if id == c.Declaration || slices.Contains(c.PassedOn, id) {
			continue
		}
		d, _, err := load(ctx, x, declarations, domain.Stream(domain.CategoryDeclaration, id.String()), false)
		if err != nil {
			return nil, err
		}
		c.Standing[id] = quota.Standing{Revision: d.result().Revision, PassedOn: d.state.PassedOn && d.state.Unit.ID == c.Unit.ID}
	}
	return c, nil
}
