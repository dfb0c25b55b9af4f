package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/domain/organization"
	"zhiping/domain/unit"
	"zhiping/projections"
)

// positionName is what Apply's place in $all is kept under; renaming it replays.
const positionName = "organizations"

// Position is how far Apply has come in $all; 0 before the first event.
func (p *Provider) Position(ctx context.Context) (uint64, error) {
	return position(ctx, p.reader.querier)
}

// GoBack moves the position to an earlier one, unless it is another by now.
func (p *Provider) GoBack(ctx context.Context, from, to uint64) error {
	_, err := p.writer.ExecContext(ctx, `UPDATE positions SET position = $1 WHERE name = $2 AND position = $3`, int64(to), positionName, int64(from)) // #nosec G115 -- log positions stay far below 2^63
	if err != nil {
		return fmt.Errorf("identity: position: %w", err)
	}
	return nil
}

func position(ctx context.Context, q querier) (uint64, error) {
	var n int64
	err := q.QueryRowContext(ctx, `SELECT position FROM positions WHERE name = $1`, positionName).Scan(&n)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("identity: position: %w", err)
	}
	return uint64(n), nil // #nosec G115 -- written by Apply, never negative
}

// Apply folds recorded events into the tree of organizations and the grants that sign-ins consult. Events come in
// the order of $all; those up to Position are passed over, and the place moves in the same transaction, so a batch
// that is delivered twice changes nothing. Events of other kinds cost no write.
func (p *Provider) Apply(ctx context.Context, events []domain.Recorded) error {
	events = slices.DeleteFunc(slices.Clone(events), func(e domain.Recorded) bool { return !concerns(e.Event) })
	if len(events) == 0 {
		return nil
	}
	return p.write(ctx, func(c *change) error {
		done, err := position(ctx, c.querier)
		if err != nil {
			return err
		}
		for _, e := range events {
			if e.Position <= done && done != 0 {
				continue
			}
			if err := p.apply(ctx, c, e); err != nil {
				return fmt.Errorf("identity: apply %s@%d: %w", e.Stream, e.Revision, err)
			}
		}
		return advance(ctx, c.querier, events[len(events)-1].Position)
	})
}

// advance moves the place, never back.
func advance(ctx context.Context, tx querier, to uint64) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO positions (name, position) VALUES ($1,$2)
		ON CONFLICT (name) DO UPDATE SET position = excluded.position WHERE positions.position < excluded.position`, positionName, int64(to)) // #nosec G115 -- log positions stay far below 2^63
	if err != nil {
		return fmt.Errorf("identity: position: %w", err)
	}
	return nil
}

// concerns tells whether apply does something with the event.
func concerns(event any) bool {
	switch event.(type) {
	case unit.Registered, organization.Event, account.Event: // every one of an organization's and an account's, so that Await of any ends
		return true
	}
	return false
}

// Categories are those of the streams whose events can concern sign-in.
func Categories() []string {
	return []string{domain.CategoryUnit, domain.CategoryOrganization, domain.CategoryAccount}
}

// passedOver is how many events of other streams the event store looks at before it tells how far it is.
const passedOver = 512

// noteEvery is how many events that do not concern us may be read again after a restart; noting each batch's place
// would cost a durable write for nothing.
const noteEvery = 10_000

// Follow applies the events of a feed until ctx ends or an event cannot be applied; it then answers why. Several
// processes may follow into one database: their batches take turns, and who comes second passes over what is applied.
func (p *Provider) Follow(ctx context.Context, feed projections.Feed) error {
	at, err := p.Position(ctx)
	if err != nil {
		return err
	}
	sub := feed.Subscriber(at)
	defer sub.Close() //nolint:errcheck // nothing to do about it, and the feed's client stays open
	messages, err := sub.Subscribe(ctx, projections.Topic)
	if err != nil {
		return fmt.Errorf("identity: follow: %w", err)
	}
	unnoted := 0
	for m := range messages {
		d, ok := feed.Open(m)
		if !ok {
			return errors.New("identity: follow: a message that carries no events")
		}
		events, unknown := projections.DecodeAll(d.Events, feed.Decode)
		if err := p.Apply(ctx, events); err != nil {
			return err
		}
		if unknown != nil {
			return fmt.Errorf("identity: follow: %w", unknown)
		}
		if unnoted += max(len(d.Events), passedOver); unnoted >= noteEvery && d.Position > 0 {
			if err := p.write(ctx, func(c *change) error { return advance(ctx, c.querier, d.Position) }); err != nil {
				return err
			}
			unnoted = 0
		}
		m.Ack()
	}
	return ctx.Err()
}

func (p *Provider) apply(ctx context.Context, c *change, e domain.Recorded) error {
	_, id := domain.SplitStream(e.Stream)
	switch event := e.Event.(type) {
	case unit.Registered:
		return placeUnit(ctx, c.querier, event)
	case organization.Created:
		return putOrganization(ctx, c.querier, Organization{ID: event.ID, Name: event.Name, Kind: event.Kind, Parent: event.Parent})
	case organization.Renamed:
		if _, err := c.ExecContext(ctx, `UPDATE organizations SET name = $1 WHERE id = $2`, event.Name, id); err != nil {
			return err
		}
		return revokeOfficers(ctx, c.querier, id)
	case organization.Closed:
		return closeOrganization(ctx, c.querier, id)
	case organization.Reopened:
		if _, err := c.ExecContext(ctx, `DELETE FROM closed_organizations WHERE id = $1`, id); err != nil {
			return err
		}
		return revokeEverybody(ctx, c.querier)
	case organization.OfficerGranted:
		g := Grant{Account: event.Account, Role: event.Role, Organization: event.Organization}
		if event.Expires != nil {
			g.Expires = *event.Expires
		}
		c.record(AuditRecord{Kind: AuditGranted, Account: g.Account, Actor: e.Meta.Actor, Address: e.Meta.IP, Detail: grantDetail(g)})
		return grant(ctx, c.querier, g, e.Meta.At, given)
	case organization.GrantRevoked:
		g := Grant{Account: event.Account, Role: event.Role, Organization: event.Organization}
		c.record(AuditRecord{Kind: AuditGrantRevoked, Account: g.Account, Actor: e.Meta.Actor, Address: e.Meta.IP, Detail: grantDetail(g)})
		return ungrant(ctx, c.querier, g, given)
	case account.Event:
		return applyRole(ctx, c, e.Meta, event)
	}
	return nil
}

// applyRole folds what an event tells of an account's own roles.
func applyRole(ctx context.Context, c *change, meta domain.Metadata, event account.Event) error {
	switch event := event.(type) {
	case account.RoleGranted:
		g := Grant{Account: event.Account, Role: event.Role, Organization: event.Organization.ID}
		if event.Expires != nil {
			g.Expires = *event.Expires
		}
		if g.Organization != "" { // one that is known here keeps its name and its place in the tree
			if _, err := c.ExecContext(ctx, `INSERT INTO organizations (id, name, kind) VALUES ($1,$2,'') ON CONFLICT DO NOTHING`,
				g.Organization, event.Organization.Name); err != nil {
				return fmt.Errorf("identity: organization: %w", err)
			}
		}
		if event.Origin != account.Before { // what was granted long ago is on record already
			c.record(AuditRecord{Kind: AuditGranted, Account: g.Account, Actor: meta.Actor, Address: meta.IP, Detail: grantDetail(g)})
		}
		return grant(ctx, c.querier, g, meta.At, sourceOf(event.Issuer))
	case account.RoleRevoked:
		g := Grant{Account: event.Account, Role: event.Role, Organization: event.Organization.ID}
		c.record(AuditRecord{Kind: AuditGrantRevoked, Account: g.Account, Actor: meta.Actor, Address: meta.IP, Detail: grantDetail(g)})
		return ungrant(ctx, c.querier, g, sourceOf(event.Issuer))
	}
	return nil
}

func sourceOf(issuer string) string {
	if issuer == "" {
		return given
	}
	return bySignIn
}

// placeUnit takes a unit up below its department. One that an admin has put into the tree keeps its name and place; one that
// only claims have named so far, such as those of the officer who registers it, has no kind and no place yet.
func placeUnit(ctx context.Context, tx querier, e unit.Registered) error {
	res, err := tx.ExecContext(ctx, `INSERT INTO organizations (id, name, kind, parent) VALUES ($1,$2,$3,$4)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, kind = excluded.kind, parent = excluded.parent WHERE organizations.kind = ''`,
		e.USCC, e.Name, string(domain.KindUnit), e.Department.ID)
	if err != nil {
		return fmt.Errorf("identity: unit: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return revokeOfficers(ctx, tx, e.USCC)
}

// awaitEvery is how often Await looks again. It asks the database, because another process may be the one that applies.
const awaitEvery = 5 * time.Millisecond

// Await returns once the events up to a position in $all are applied, so that who hears of a revocation can rely on it.
func (p *Provider) Await(ctx context.Context, position uint64) error {
	tick := time.NewTicker(awaitEvery)
	defer tick.Stop()
	for {
		have, err := p.Position(ctx)
		if err != nil || have >= position {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// OfficerOf answers the organization that the account is an officer of now, or "".
func (p *Provider) OfficerOf(ctx context.Context, account string) (string, error) {
	a, _, err := p.actor(ctx, p.reader.querier, account, "")
	return a.Organization.ID, err
}
