package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/http"
	"zhiping/infra/eventstore"
	"zhiping/infra/identity"
)

// The program itself, as an actor: the claimant writes down what an OpenID provider's claims give and take, the recorder
// tells of what was granted before grants became events.
var (
	claimant = domain.Actor{ID: "claims", Name: "统一身份认证", Roles: []domain.Role{domain.System}}
	recorder = domain.Actor{ID: "zhiping", Name: "系统", Roles: []domain.Role{domain.System}}
)

// followGrants lets sign-in know of the organizations, officers and roles that events make.
func (n *node) followGrants(ctx context.Context) error {
	return n.insist(ctx, "follow grants", func() error {
		if err := n.realign(ctx); err != nil {
			return err
		}
		return n.identity.Follow(ctx, eventstore.NewFeed(n.events, "identity", identity.Categories()...))
	})
}

// realign takes the accounts back to where the event store is, when an older backup of that was restored: every new grant
// and revocation would be passed over else. What the lost events gave or took stays as it is.
func (n *node) realign(ctx context.Context) error {
	at, err := n.identity.Position(ctx) // first, since the event store only grows
	if err != nil {
		return err
	}
	end, err := n.events.End(ctx)
	if err != nil || at <= end {
		return err
	}
	n.logger.WarnContext(ctx, "the accounts were further on than the event store, as after restoring a backup; grants are followed from its end on",
		"accounts", at, "events", end)
	return n.identity.GoBack(ctx, at, end)
}

// insist does something until it ends well or the context does, waiting a little while a store is away: that is no reason
// to end a node, and all nodes would end at once.
func (n *node) insist(ctx context.Context, what string, do func() error) error {
	for {
		err := do()
		var refusal *domain.Error
		switch {
		case err == nil || ctx.Err() != nil:
			return nil
		case !errors.As(err, &refusal) || refusal.Kind != domain.Unavailable && !errors.Is(err, domain.ErrConcurrentChange):
			return fmt.Errorf("%s: %w", what, err)
		}
		n.logger.WarnContext(ctx, "a store is away; trying again", "what", what, "error", err)
		select {
		case <-time.After(awayPause):
		case <-ctx.Done():
			return nil
		}
	}
}

// awayPause is how long a node waits to try again while a store is away.
const awayPause = 2 * time.Second

// heed returns once sign-in heeds the events up to a position, where perhaps no node is up to see to it.
func (n *node) heed(ctx context.Context, position uint64) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return n.followGrants(gctx) })
	g.Go(func() error {
		defer stop()
		return n.identity.Await(gctx, position)
	})
	return g.Wait()
}

// recordGrants tells, once and for all nodes, of the roles that were given before grants became events. What was given
// goes on meanwhile.
func (n *node) recordGrants(ctx context.Context) error {
	return n.insist(ctx, "record earlier grants", func() error { return n.recordOnce(ctx) })
}

func (n *node) recordOnce(ctx context.Context) error {
	roles, err := n.identity.GivenRoles(ctx)
	if err != nil {
		return err
	}
	for id, held := range roles {
		for _, h := range held {
			c := account.Record{Role: h.Role}
			if !h.Expires.IsZero() {
				c.Expires = &h.Expires
			}
			if _, err := n.executor.Account(ctx, commands.Envelope{Actor: recorder}, id, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// claims writes down which roles the claims of a sign-in give and take.
type claims struct {
	executor *commands.Executor
	identity *identity.Provider
}

// errNotHeeded delays a sign-in whose roles are written down and not yet in force.
var errNotHeeded = errors.New("sign-in does not follow the event store")

// Claimed runs the command and waits until sessions heed it. While the event store is away a person signs in only where
// the claims say what is on record anyway: a role that they take would go on, and one that they give would be held without
// an event that says so.
func (c claims) Claimed(ctx context.Context, id string, claim account.Claim, address string) error {
	env := commands.Envelope{Actor: claimant, IP: address, CorrelationID: http.CorrelationID(ctx)}
	r, err := c.executor.Account(ctx, env, id, claim)
	if errors.Is(err, commands.ErrStoreUnavailable) {
		s, unknown := c.identity.Standing(ctx, id)
		if unknown == nil && claim.Matches(s.Roles) {
			return nil
		}
	}
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeoutCause(ctx, followTimeout, errors.Join(commands.ErrStoreUnavailable, errNotHeeded))
	defer cancel()
	return c.identity.Await(wait, r.Position)
}

// followTimeout bounds how long a sign-in waits until the roles of its claims are in force.
const followTimeout = 5 * time.Second
