package identity

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"zhiping/domain"
)

// actor loads who an account is now, and until when that holds without anybody changing it: the first of its
// grants to expire. Roles that an earlier sign-in claimed count for sessions, which were opened on them.
func (p *Provider) actor(ctx context.Context, q querier, id, name string) (domain.Actor, time.Time, error) {
	return p.actorWithout(ctx, q, id, name, "")
}

// actorWithout leaves out the grants of a source.
func (p *Provider) actorWithout(ctx context.Context, q querier, id, name, source string) (domain.Actor, time.Time, error) {
	a := domain.Actor{ID: id, Name: name}
	var until time.Time
	rows, err := q.QueryContext(ctx, `SELECT g.role, g.organization, coalesce(o.name, ''), g.expires_at
		FROM grants g LEFT JOIN organizations o ON o.id = g.organization
		WHERE g.account_id = $1 AND (g.expires_at = 0 OR g.expires_at > $2) AND (g.source = '' OR g.source <> $3)
		AND g.organization NOT IN (SELECT id FROM closed_organizations)
		ORDER BY g.source, g.granted_at, g.organization`, id, p.now().UnixMilli(), source)
	if err != nil {
		return a, until, fmt.Errorf("identity: roles: %w", err)
	}
	defer rows.Close() //nolint:errcheck // reported by rows.Err
	for rows.Next() {
		var role domain.Role
		var org domain.Organization
		var expires int64
		if err := rows.Scan(&role, &org.ID, &org.Name, &expires); err != nil {
			return a, until, fmt.Errorf("identity: roles: %w", err)
		}
		if t := fromMillis(expires); expires != 0 && (until.IsZero() || t.Before(until)) {
			until = t
		}
		if org.ID != "" {
			if a.Organization.ID == "" {
				a.Organization = org
			}
			if a.Organization.ID != org.ID { // one organization at a time: the one that came first
				continue
			}
		}
		if !a.Has(role) {
			a.Roles = append(a.Roles, role)
		}
	}
	if err := rows.Err(); err != nil {
		return a, until, fmt.Errorf("identity: roles: %w", err)
	}
	sortRoles(a.Roles)
	if a.Organization.ID != "" {
		a.Within, err = within(ctx, q, a.Organization.ID)
	}
	return a, until, err
}

// sortRoles puts an officer's roles first: an officer acts as one, and the first role is what an audit row names.
func sortRoles(roles []domain.Role) {
	order := domain.Roles()
	slices.SortStableFunc(roles, func(x, y domain.Role) int {
		return cmp.Or(cmp.Compare(btoi(y.ForOrganization()), btoi(x.ForOrganization())), cmp.Compare(slices.Index(order, x), slices.Index(order, y)))
	})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func userOf(a domain.Actor) User {
	u := User{ID: a.ID, Name: a.Name, Roles: a.Roles}
	if a.Organization.ID != "" {
		org := a.Organization
		u.Organization = &org
	}
	if u.Roles == nil {
		u.Roles = []domain.Role{}
	}
	return u
}

// Me answers who an account is.
func (p *Provider) Me(ctx context.Context, account string) (User, error) {
	var name string
	err := p.reader.QueryRowContext(ctx, `SELECT name FROM accounts WHERE id = $1 AND erased_at = 0`, account).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, domain.ErrNotFound
	}
	if err != nil {
		return User{}, fmt.Errorf("identity: account: %w", err)
	}
	a, _, err := p.actor(ctx, p.reader.querier, account, name)
	return userOf(a), err
}
