package identity

import (
	"context"
	"fmt"
	"slices"
)

// bySignIn is the source of grants that came from claims at a sign-in, and who gave them, in the audit records.
const bySignIn = "claims"

// claim replaces the roles that came from claims. What that gives and takes is in the audit records, as if somebody had
// done it here.
func (p *Provider) claim(ctx context.Context, c *change, id string, e External) error {
	before, err := claimed(ctx, c.querier, id)
	if err != nil {
		return err
	}
	if _, err := c.ExecContext(ctx, `DELETE FROM grants WHERE account_id = $1 AND source = $2`, id, bySignIn); err != nil {
		return fmt.Errorf("identity: claims: %w", err)
	}
	if e.Organization.ID != "" {
		// An organization that is known here keeps its place in the tree.
		if _, err := c.ExecContext(ctx, `INSERT INTO organizations (id, name, kind) VALUES ($1,$2,'') ON CONFLICT DO NOTHING`, e.Organization.ID, e.Organization.Name); err != nil {
			return fmt.Errorf("identity: claims: %w", err)
		}
	}
	var now []string
	for _, r := range e.Roles {
		g := Grant{Account: id, Role: r}
		if officer(r) {
			g.Organization = e.Organization.ID
		}
		if err := p.grant(ctx, c.querier, g, bySignIn); err != nil {
			return err
		}
		now = append(now, grantDetail(g))
	}
	difference(c, AuditGrantRevoked, id, before, now)
	difference(c, AuditGranted, id, now, before)
	return revokeAccount(ctx, c.querier, id)
}

// difference records the grants that are in some and not in others.
func difference(c *change, kind AuditKind, account string, in, notIn []string) {
	for _, detail := range in {
		if !slices.Contains(notIn, detail) {
			c.record(AuditRecord{Kind: kind, Account: account, Actor: bySignIn, Detail: detail})
		}
	}
}

// claimed lists what an account holds by claims.
func claimed(ctx context.Context, q querier, account string) ([]string, error) {
	rows, err := q.QueryContext(ctx, `SELECT role, organization FROM grants WHERE account_id = $1 AND source = $2 ORDER BY role`, account, bySignIn)
	if err != nil {
		return nil, fmt.Errorf("identity: claims: %w", err)
	}
	defer rows.Close() //nolint:errcheck // reported by rows.Err
	var out []string
	for rows.Next() {
		var g Grant
		if err := rows.Scan(&g.Role, &g.Organization); err != nil {
			return nil, fmt.Errorf("identity: claims: %w", err)
		}
		out = append(out, grantDetail(g))
	}
	return out, rows.Err()
}
