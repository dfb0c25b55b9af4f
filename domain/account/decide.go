package account

import (
	"slices"
	"time"

	"zhiping/domain"
	"zhiping/domain/text"
)

// The refusals of this package.
var (
	ErrNotFound   = domain.NewError(domain.NotFound, "account_not_found")
	ErrDisabled   = domain.NewError(domain.Conflict, "grant_to_disabled")
	ErrOwnAdmin   = domain.NewError(domain.Conflict, "own_admin_role")
	ErrLastAdmin  = domain.NewError(domain.Conflict, "last_admin")
	ErrByProvider = domain.NewError(domain.Conflict, "role_by_provider")
	ErrOwnRole    = domain.NewError(domain.Conflict, "own_role")
	ErrElsewhere  = domain.NewError(domain.Conflict, "officer_elsewhere")
)

// Decide answers a command with the events that follow, or with a refusal.
//
//	Grant:     given an account that may sign in                       → RoleGranted
//	           given the same grant                                    → nothing (idempotent)
//	           to a disabled account                                   → ErrDisabled
//	           of a role that is an officer's, or no role              → ErrInvalid
//	           with an end that is not in the future                   → ErrInvalid
//	Revoke:    given the role                                          → RoleRevoked
//	           given none                                              → nothing (idempotent)
//	           given one that only a provider's claims give            → ErrByProvider
//	RevokeAll: given roles, given here or by a provider's claims       → RoleRevoked of each
//	Claim:     roles that this provider's claims gave and do not now   → RoleRevoked of each
//	           roles that they give and have not given yet             → RoleGranted of each
//	           given the same claims                                   → nothing
//	Record:    of what no event has ever told                          → RoleGranted
//	           of anything else                                        → nothing, also when it has been revoked since
//	Grant by an admin, to themselves                                   → ErrOwnRole
//	      to an account that appointed that admin, also through others → domain.ErrAppointer
//	ClaimOffice: given no office, or one that is not held any more     → OfficeClaimed
//	           given the same, on that revision or a later one         → nothing (idempotent)
//	           given another that is held, or may yet be               → ErrElsewhere
//	Grant and Revoke, of nobody's account                              → ErrNotFound
//	by an admin, an earlier end or none for their own admin role       → ErrOwnAdmin
//	the same for the last admin without an end                         → ErrLastAdmin
func Decide(s State, f Facts, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Grant:
		return grant(s, f, c)
	case Revoke:
		return revoke(s, f, c)
	case RevokeAll:
		return revokeAll(s, f), nil
	case Claim:
		return claim(s, f, c)
	case Record:
		return record(s, f, c)
	case ClaimOffice:
		return claimOffice(s, f, c)
	}
	panic("account: command of an unknown type")
}

func grant(s State, f Facts, c Grant) ([]Event, error) {
	faults := roleFaults(c.Role)
	if c.Expires != nil && !c.Expires.After(f.Now) {
		faults = append(faults, fault("body.expires", "not_in_future", nil))
	}
	switch {
	case !f.Known:
		return nil, ErrNotFound
	case len(faults) > 0:
		return nil, domain.ErrInvalid.WithFaults(faults...)
	case f.Disabled:
		return nil, ErrDisabled
	}
	next := Held{Role: c.Role}
	if c.Expires != nil {
		next.Expires = c.Expires.UTC()
	}
	if have, ok := find(s.Roles, next); ok && have.Expires.Equal(next.Expires) {
		return nil, nil
	}
	if have, ok := find(s.held(f.Recorded), next); ok && earlier(next.Expires, have.Expires) {
		if err := keepAdmin(have, f); err != nil {
			return nil, err
		}
	}
	e := granted(next, f.Account, f.Origin)
	if f.Origin == ByAdmin {
		switch e.By = f.By; {
		case f.Self:
			return nil, ErrOwnRole
		case f.Appointed:
			return nil, domain.ErrAppointer
		}
	}
	return []Event{e}, nil
}

func claimOffice(s State, f Facts, c ClaimOffice) ([]Event, error) {
	switch {
	case s.Office.Organization == c.Organization && s.Office.Revision >= c.Revision:
		return nil, nil
	case s.Office.Organization != "" && s.Office.Organization != c.Organization && f.OfficeHeld:
		return nil, ErrElsewhere
	}
	return []Event{OfficeClaimed{Account: f.Account, Organization: c.Organization, Revision: c.Revision, Role: c.Role, By: f.By}}, nil
}

func revoke(s State, f Facts, c Revoke) ([]Event, error) {
	faults := roleFaults(c.Role)
	switch {
	case !f.Known:
		return nil, ErrNotFound
	case len(faults) > 0:
		return nil, domain.ErrInvalid.WithFaults(faults...)
	}
	held := s.held(f.Recorded)
	have, ok := find(held, Held{Role: c.Role})
	if !ok {
		if slices.ContainsFunc(held, func(h Held) bool { return h.Role == c.Role && h.Issuer != "" }) {
			return nil, ErrByProvider
		}
		return nil, nil
	}
	if err := keepAdmin(have, f); err != nil {
		return nil, err
	}
	return []Event{revoked(have, f.Account, f.Origin)}, nil
}

// keepAdmin refuses what would leave an installation without an admin who can still appoint one. Who holds the machine
// may always, and can appoint one again.
func keepAdmin(have Held, f Facts) error {
	switch {
	case have.Role != domain.Admin || f.Origin != ByAdmin || !have.Active(f.Now):
		return nil
	case f.Self:
		return ErrOwnAdmin
	case have.Expires.IsZero() && !f.OtherAdmin:
		return ErrLastAdmin
	}
	return nil
}

func revokeAll(s State, f Facts) []Event {
	var out []Event
	for _, have := range s.held(f.Recorded) {
		out = append(out, revoked(have, f.Account, f.Origin))
	}
	return out
}

func claim(s State, f Facts, c Claim) ([]Event, error) {
	var now []Held
	for _, r := range c.Roles {
		h := Held{Role: r.Role, Organization: r.Organization, Issuer: c.Issuer}
		if _, twice := find(now, h); !twice {
			now = append(now, h)
		}
	}
	var out []Event
	for _, have := range s.held(f.Recorded) {
		if _, kept := find(now, have); !kept && have.Issuer == c.Issuer {
			out = append(out, revoked(have, f.Account, f.Origin))
		}
	}
	for _, h := range now {
		if _, ok := find(s.Roles, h); !ok {
			out = append(out, granted(h, f.Account, f.Origin))
		}
	}
	return out, nil
}

func record(s State, f Facts, c Record) ([]Event, error) {
	h := Held{Role: c.Role}
	if _, told := find(s.told, h); told {
		return nil, nil
	}
	if c.Expires != nil {
		h.Expires = c.Expires.UTC()
	}
	return []Event{granted(h, f.Account, f.Origin)}, nil
}

func granted(h Held, account string, origin Origin) RoleGranted {
	e := RoleGranted{Account: account, Role: h.Role, Organization: h.Organization, Origin: origin, Issuer: h.Issuer}
	if !h.Expires.IsZero() {
		e.Expires = &h.Expires
	}
	return e
}

func revoked(h Held, account string, origin Origin) RoleRevoked {
	return RoleRevoked{Account: account, Role: h.Role, Organization: h.Organization, Origin: origin, Issuer: h.Issuer}
}

// earlier tells whether a grant's end lies before another's; zero is never.
func earlier(end, than time.Time) bool {
	return !end.IsZero() && (than.IsZero() || end.Before(than))
}

func roleFaults(r domain.Role) []domain.Fault {
	if slices.Contains(domain.GrantableRoles(), r) {
		return nil
	}
	return []domain.Fault{fault("body.role", "one_of", text.Args{"values": text.List(domain.GrantableRoles())})}
}

func fault(location, code string, args text.Args) domain.Fault {
	f := domain.NewFault(code, args)
	f.Location = location
	return f
}
