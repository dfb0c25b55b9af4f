package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"zhiping/domain"
	"zhiping/domain/account"
)

// Standing is how an account stands when somebody gives it a role or takes one away. It is the zero Standing where there
// is no such account, or none any more.
type Standing struct {
	Known      bool
	Disabled   bool
	OtherAdmin bool // another account that is not disabled is itself an admin, without an end
	Roles      []account.Held
}

// Standing answers how an account stands, with the roles that it holds itself: what it has from organizations, and from
// having registered, is left out. Neither do admins count whom an organization's closure or a provider's claims end, nor those who cannot sign in
// here: with a password where an OpenID provider signs people in, or the other way round.
func (p *Provider) Standing(ctx context.Context, id string) (Standing, error) {
	var disabled, others, external int64
	if p.cfg.External {
		external = 1
	}
	var subject string
	err := p.reader.QueryRowContext(ctx, `SELECT disabled_at, coalesce(subject, ''), (SELECT count(*) FROM grants g JOIN accounts o ON o.id = g.account_id
			WHERE g.role = $2 AND g.organization = '' AND g.source = '' AND g.expires_at = 0 AND o.id <> $1 AND o.disabled_at = 0 AND o.erased_at = 0
				AND CASE WHEN coalesce(o.subject, '') <> '' THEN 1 ELSE 0 END = $3)
		FROM accounts WHERE id = $1 AND erased_at = 0`, id, string(domain.Admin), external).Scan(&disabled, &subject, &others)
	if errors.Is(err, sql.ErrNoRows) {
		return Standing{}, nil
	}
	if err != nil {
		return Standing{}, fmt.Errorf("identity: standing: %w", err)
	}
	s := Standing{Known: true, Disabled: disabled != 0, OtherAdmin: others > 0}
	issuer, _, _ := strings.Cut(subject, " ")
	rows, err := p.ownRoles(ctx, id)
	for _, r := range rows {
		if r.claimed {
			r.Issuer = issuer
		}
		s.Roles = append(s.Roles, r.Held)
	}
	return s, err
}

// ownRole is a role that an account holds itself.
type ownRole struct {
	account.Held
	account string
	claimed bool // by an OpenID provider's claims
}

// ownRoles lists such roles of one account, or of all for "".
func (p *Provider) ownRoles(ctx context.Context, id string) ([]ownRole, error) {
	rows, err := p.reader.QueryContext(ctx, `SELECT account_id, role, organization, expires_at, source <> '' FROM grants
		WHERE ($1 = '' OR account_id = $1) AND (source <> '' OR organization = '' AND role <> $2)
		ORDER BY account_id, source, granted_at, role`, id, string(domain.Applicant))
	if err != nil {
		return nil, fmt.Errorf("identity: roles: %w", err)
	}
	defer rows.Close() //nolint:errcheck // reported by rows.Err
	var out []ownRole
	for rows.Next() {
		var r ownRole
		var expires int64
		if err := rows.Scan(&r.account, &r.Role, &r.Organization.ID, &expires, &r.claimed); err != nil {
			return nil, fmt.Errorf("identity: roles: %w", err)
		}
		r.Expires = fromMillis(expires)
		out = append(out, r)
	}
	return out, rows.Err()
}

// GivenRoles lists, by account, the roles that accounts hold themselves and that were given here, which is few: what claims
// give is compared with them at each sign-in.
func (p *Provider) GivenRoles(ctx context.Context) (map[string][]account.Held, error) {
	rows, err := p.ownRoles(ctx, "")
	out := map[string][]account.Held{}
	for _, r := range rows {
		if !r.claimed {
			out[r.account] = append(out[r.account], r.Held)
		}
	}
	return out, err
}
