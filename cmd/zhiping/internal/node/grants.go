package node

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
	claimsActor   = domain.Actor{ID: "claims", Name: "统一身份认证", Roles: []domain.Role{domain.System}}
	recorderActor = domain.Actor{ID: "zhiping", Name: "系统", Roles: []domain.Role{domain.System}}
)

// FollowGrants lets sign-in know of the organizations, officers and roles that events make.
func (n *Node) FollowGrants(ctx context.Context) error {
	return n.retryUnavailable(ctx, "follow grants", func() error {
		if err := n.RewindIdentity(ctx); err != nil {
			return err
		}
		return n.Identity.Follow(ctx, eventstore.NewFeed(n.Events, "identity", identity.Categories()...))
	})
}

// RewindIdentity takes the accounts back to where the event store is, when an older backup of that was restored: every new grant
// and revocation would be passed over else. What the lost events gave or took stays as it is.
func (n *Node) RewindIdentity(ctx context.Context) error {
	at, err := n.Identity.Position(ctx) // first, since the event store only grows
	if err != nil {
		return err
	}
	end, err := n.Events.End(ctx)
	if err != nil || at <= end {
		return err
	}
	n.Logger.WarnContext(ctx, "the accounts were further on than the event store, as after restoring a backup; grants are followed from its end on",
		"accounts", at, "events", end)
	return n.Identity.GoBack(ctx, at, end)
}

// retryUnavailable does something until it ends well or the context does, waiting a little while a store is away: that is no reason
// to end a node, and all nodes would end at once.
func (n *Node) retryUnavailable(ctx context.Context, what string, do func() error) error {
	for {
		err := do()
		var refusal *domain.Error
		switch {
		case err == nil || ctx.Err() != nil:
			return nil //nolint:nilerr // the node is ending, which is no fault
		case errors.Is(err, eventstore.ErrUnknownEvent) || errors.Is(err, eventstore.ErrNewerSchema):
			// A newer node wrote it. Sign-in keeps what it has, and this node goes on when it is upgraded.
		case !errors.As(err, &refusal) || refusal.Kind != domain.Unavailable && !errors.Is(err, domain.ErrConcurrentChange):
			return fmt.Errorf("%s: %w", what, err)
		}
		n.Logger.WarnContext(ctx, "cannot go on now; trying again", "what", what, "error", err)
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
			return nil
		}
	}
}

// retryPause is how long a node waits to try again while a store is away.
const retryPause = 2 * time.Second

// WaitApplied returns once sign-in heeds the events up to a position, where perhaps no node is up to see to it.
func (n *Node) WaitApplied(ctx context.Context, position uint64) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return n.FollowGrants(gctx) })
	g.Go(func() error {
		defer stop()
		return n.Identity.Await(gctx, position)
	})
	return g.Wait()
}

// RecordGrants tells, once and for all nodes, of the roles that were given before grants became events. What was given
// goes on meanwhile.
func (n *Node) RecordGrants(ctx context.Context) error {
	return n.retryUnavailable(ctx, "record earlier grants", func() error { return n.recordEarlierGrants(ctx) })
}

func (n *Node) recordEarlierGrants(ctx context.Context) error {
	roles, err := n.Identity.GivenRoles(ctx)
	if err != nil {
		return err
	}
	for id, held := range roles {
		for _, h := range held {
			c := account.Record{Role: h.Role}
			if !h.Expires.IsZero() {
				c.Expires = &h.Expires
			}
			if _, err := n.Executor.Account(ctx, commands.Envelope{Actor: recorderActor}, id, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// ClaimRecorder writes down which roles the claims of a sign-in give and take.
type ClaimRecorder struct {
	Executor *commands.Executor
	Identity *identity.Provider
}

// errNotApplied delays a sign-in whose roles are written down and not yet in force.
var errNotApplied = errors.New("sign-in does not follow the event store")

// Claimed runs the command and waits until sessions heed it. While the event store is away a person signs in only where
// the claims say what is on record anyway: a role that they take would go on, and one that they give would be held without
// an event that says so.
func (c ClaimRecorder) Claimed(ctx context.Context, id string, claim account.Claim, address string) error {
	env := commands.Envelope{Actor: claimsActor, IP: address, CorrelationID: http.CorrelationID(ctx)}
	r, err := c.Executor.Account(ctx, env, id, claim)
	if errors.Is(err, commands.ErrStoreUnavailable) {
		s, unknown := c.Identity.Standing(ctx, id)
		if unknown == nil && claim.Matches(s.Roles) {
			return nil
		}
	}
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeoutCause(ctx, followTimeout, errors.Join(commands.ErrStoreUnavailable, errNotApplied))
	defer cancel()
	return c.Identity.Await(wait, r.Position)
}

// followTimeout bounds how long a sign-in waits until the roles of its claims are in force.
const followTimeout = 5 * time.Second
