package identity

import (
	"context"
	"fmt"
	"strings"
	"time"

	"zhiping/domain"
)

// Grant is one role of one account, for one organization when it is an officer's. Events make and end them (Apply).
type Grant struct {
	Account      string      `json:"account"`
	Role         domain.Role `json:"role"`
	Organization string      `json:"organization,omitempty"`
	Expires      time.Time   `json:"expires,omitzero"` // never when zero
}

func putOrganization(ctx context.Context, tx querier, o Organization) error {
	if err := revokeOfficers(ctx, tx, o.ID); err != nil { // those above the place that it leaves
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO organizations (id, name, kind, parent) VALUES ($1,$2,$3,$4)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, kind = excluded.kind, parent = excluded.parent`, o.ID, o.Name, string(o.Kind), o.Parent)
	if err != nil {
		return fmt.Errorf("identity: organization: %w", err)
	}
	return revokeOfficers(ctx, tx, o.ID)
}

// Organizations lists the organizations directly below parent, or the roots for "".
func (p *Provider) Organizations(ctx context.Context, parent string) ([]Organization, error) {
	rows, err := p.reader.QueryContext(ctx, `SELECT id, name, kind, parent FROM organizations WHERE parent = $1 ORDER BY id`, parent)
	if err != nil {
		return nil, fmt.Errorf("identity: organizations: %w", err)
	}
	defer rows.Close() //nolint:errcheck // reported by rows.Err
	var out []Organization
	for rows.Next() {
		var o Organization
		if err := rows.Scan(&o.ID, &o.Name, &o.Kind, &o.Parent); err != nil {
			return nil, fmt.Errorf("identity: organizations: %w", err)
		}
		out = append(out, o)
	}
	return out, rows.Err()
}

// within lists the organizations below id at any depth. A cycle, which the organization aggregate refuses to make,
// would end the walk and not hang it: UNION drops what it has seen.
func within(ctx context.Context, q querier, id string) ([]string, error) {
	rows, err := q.QueryContext(ctx, `WITH RECURSIVE below(id) AS (
			SELECT id FROM organizations WHERE parent = $1
			UNION SELECT o.id FROM organizations o JOIN below b ON o.parent = b.id)
		SELECT id FROM below WHERE id <> $1 ORDER BY id`, id)
	if err != nil {
		return nil, fmt.Errorf("identity: subtree: %w", err)
	}
	defer rows.Close() //nolint:errcheck // reported by rows.Err
	var out []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("identity: subtree: %w", err)
		}
		out = append(out, id)
	}
	return out, rows.Err()
}

// closeOrganization ends what was granted here. What claims give goes on in the account's events, since the provider takes it
// away, and counts for nothing until the organization is reopened.
func closeOrganization(ctx context.Context, tx querier, id string) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO closed_organizations (id) VALUES ($1) ON CONFLICT DO NOTHING`, id); err != nil {
		return fmt.Errorf("identity: close: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM grants WHERE organization = $1 AND source = $2`, id, given); err != nil {
		return fmt.Errorf("identity: close: %w", err)
	}
	return revokeEverybody(ctx, tx)
}

func isClosed(ctx context.Context, q querier, id string) (bool, error) {
	var n int
	err := q.QueryRowContext(ctx, `SELECT count(*) FROM closed_organizations WHERE id = $1`, id).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("identity: organization: %w", err)
	}
	return n > 0, nil
}

func ungrant(ctx context.Context, tx querier, g Grant, source string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM grants WHERE account_id = $1 AND organization = $2 AND role = $3 AND source = $4`,
		g.Account, g.Organization, string(g.Role), source)
	if err != nil {
		return fmt.Errorf("identity: revoke: %w", err)
	}
	return revokeAccount(ctx, tx, g.Account)
}

func grantDetail(g Grant) string {
	return strings.TrimSuffix(string(g.Role)+"@"+g.Organization, "@")
}

// The sources of grants.
const (
	given    = ""       // here, by somebody or by having registered
	bySignIn = "claims" // an OpenID provider's claims at a sign-in
)

// grant writes one, as of the time that it was given. Whose session is there already has it at once, on every process.
func grant(ctx context.Context, tx querier, g Grant, at time.Time, source string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO grants (account_id, organization, role, granted_at, expires_at, source) VALUES ($1,$2,$3,$4,$5,$6)
		ON CONFLICT (account_id, organization, role, source) DO UPDATE SET expires_at = excluded.expires_at`,
		g.Account, g.Organization, string(g.Role), millis(at), millis(g.Expires), source)
	if err != nil {
		return fmt.Errorf("identity: grant: %w", err)
	}
	return revokeAccount(ctx, tx, g.Account)
}

// OfficesOf lists the organizations that an account has been made an officer of, whether or not the grant has run out.
func (p *Provider) OfficesOf(ctx context.Context, account string) ([]string, error) {
	rows, err := p.reader.QueryContext(ctx, `SELECT DISTINCT organization FROM grants WHERE account_id = $1 AND organization <> '' AND source = $2 ORDER BY organization`, account, given)
	if err != nil {
		return nil, fmt.Errorf("identity: offices: %w", err)
	}
	defer rows.Close() //nolint:errcheck // reported by rows.Err
	var out []string
	for rows.Next() {
		var o string
		if err := rows.Scan(&o); err != nil {
			return nil, fmt.Errorf("identity: offices: %w", err)
		}
		out = append(out, o)
	}
	return out, rows.Err()
}
