package account

import (
	"slices"
	"time"

	"zhiping/domain"
)

// Held is a role that the account holds. Expires is zero for a grant without an end; Issuer is empty for what was given
// here, and Origin as far as no event tells.
type Held struct {
	Role         domain.Role
	Organization domain.Organization
	Expires      time.Time
	Origin       Origin
	Issuer       string
}

// Held is what the event grants.
func (e RoleGranted) Held() Held {
	h := Held{Role: e.Role, Organization: e.Organization, Origin: e.Origin, Issuer: e.Issuer}
	if e.Expires != nil {
		h.Expires = *e.Expires
	}
	return h
}

// Key is what tells grants apart: a later one of the same key replaces an earlier one.
func (h Held) Key() Held {
	return Held{Role: h.Role, Organization: domain.Organization{ID: h.Organization.ID}, Issuer: h.Issuer}
}

// Active tells whether the grant holds at a time.
func (h Held) Active(now time.Time) bool { return h.Expires.IsZero() || now.Before(h.Expires) }

func (h Held) same(o Held) bool { return h.Key() == o.Key() }

// State is an account's roles as its events tell them. The zero State is an account of which no event tells.
type State struct {
	Roles []Held // in the order of their first grant
	told  []Held // what events have ever told of, held or not
	// Office is the last claim of an office; the zero Office where there was none.
	Office Office
	// Appointers are the accounts that ever made this one an admin, also by an office.
	Appointers []string
}

// Office is a claim of the one office that an account may hold.
type Office struct {
	Organization string
	Revision     uint64 // of the organization's stream, behind which the grant was to be appended
}

func find(roles []Held, of Held) (Held, bool) {
	if i := slices.IndexFunc(roles, of.same); i >= 0 {
		return roles[i], true
	}
	return Held{}, false
}

// held joins what events tell to what is on record of which none does.
func (s State) held(recorded []Held) []Held {
	all := slices.Clone(s.Roles)
	for _, r := range recorded {
		if _, told := find(s.told, r); !told {
			all = append(all, r)
		}
	}
	return all
}

// Evolve folds one event into the state.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case RoleGranted:
		h := e.Held()
		s.Roles = slices.Clone(s.Roles)
		if i := slices.IndexFunc(s.Roles, h.same); i >= 0 {
			s.Roles[i] = h
		} else {
			s.Roles = append(s.Roles, h)
		}
		return s.tell(h).appointed(e.Role, e.By)
	case RoleRevoked:
		h := Held{Role: e.Role, Organization: e.Organization, Issuer: e.Issuer}
		s.Roles = slices.DeleteFunc(slices.Clone(s.Roles), h.same)
		return s.tell(h)
	case OfficeClaimed:
		s.Office = Office{Organization: e.Organization, Revision: e.Revision}
		return s.appointed(e.Role, e.By)
	}
	panic("account: event of an unknown type")
}

func (s State) appointed(r domain.Role, by string) State {
	if r == domain.Admin && by != "" && !slices.Contains(s.Appointers, by) {
		s.Appointers = append(slices.Clip(s.Appointers), by)
	}
	return s
}

func (s State) tell(h Held) State {
	if _, told := find(s.told, h); !told {
		s.told = append(slices.Clip(s.told), h)
	}
	return s
}

// Matches tells whether what is on record of the provider's is exactly what its claims give now.
func (c Claim) Matches(recorded []Held) bool {
	claimed := map[Held]bool{}
	for _, r := range c.Roles {
		claimed[Held{Role: r.Role, Organization: r.Organization, Issuer: c.Issuer}.Key()] = true
	}
	for _, h := range recorded {
		if h.Issuer != c.Issuer {
			continue
		}
		if !claimed[h.Key()] {
			return false
		}
		delete(claimed, h.Key())
	}
	return len(claimed) == 0
}
