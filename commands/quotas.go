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
	env.Key, env.IfMatch = "", nil // the condition is on the declaration
	c := quota.Claim{Notice: s.Notice.ID, Unit: s.Unit, Declaration: s.ID, Revision: revision}
	_, err := execute(ctx, x, quotas, request[quota.State, quota.Facts, quota.Command]{
		env: env, id: quota.ID(s.Notice.ID, s.Unit.ID), cmd: c,
		authorise: func(quota.State) error {
			if !access.Allowed(env.Actor, access.Action(quota.CommandName(c)), Resource(s)) {
				return domain.ErrForbidden
			}
			return nil
		},
		facts: func(ctx context.Context, s quota.State, _ domain.Usage) (quota.Facts, error) {
			return x.quotaFacts(ctx, s, c, places)
		},
	})
	return err
}

// quotaFacts looks up which declarations take a place: by the views, and for claims that those do not confirm in the
// declarations' own streams. The quota has been read by now, as its package comment asks.
func (x *Executor) quotaFacts(ctx context.Context, s quota.State, c quota.Claim, places int) (quota.Facts, error) {
	f := quota.Facts{Places: places, Standing: map[uuid.UUID]quota.Standing{}}
	var err error
	if f.PassedOn, err = x.index.PassedOn(ctx, c.Notice, c.Unit.ID); err != nil {
		return f, fmt.Errorf("passed on by %s: %w", c.Unit.ID, err)
	}
	for id := range s.Claims {
		if id == c.Declaration || slices.Contains(f.PassedOn, id) {
			continue
		}
		d, _, err := load(ctx, x, declarations, domain.Stream(domain.CategoryDeclaration, id.String()), false)
		if err != nil {
			return f, err
		}
		f.Standing[id] = quota.Standing{Revision: d.result().Revision, PassedOn: d.state.PassedOn && d.state.Unit.ID == c.Unit.ID}
	}
	return f, nil
}
