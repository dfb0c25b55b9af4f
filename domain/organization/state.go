package organization

import (
	"slices"
	"time"

	"zhiping/domain"
)

// Officer is an account that may act for the organization. Expires is zero for a grant without an end.
type Officer struct {
	Account string
	Role    domain.Role
	Expires time.Time
}

// Active tells whether the grant holds at a time.
func (o Officer) Active(now time.Time) bool { return o.Expires.IsZero() || now.Before(o.Expires) }

// State is an organization as its events tell it. The zero State is an organization that nobody created.
type State struct {
	ID       string
	Name     string
	Kind     Kind
	Parent   string
	Closed   bool
	Officers []Officer // in the order of their first grant
}

// Officer finds an account's grant.
func (s State) Officer(account string) (Officer, bool) {
	i := slices.IndexFunc(s.Officers, func(o Officer) bool { return o.Account == account })
	if i < 0 {
		return Officer{}, false
	}
	return s.Officers[i], true
}

// Evolve folds one event into the state.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case Created:
		return State{ID: e.ID, Name: e.Name, Kind: e.Kind, Parent: e.Parent}
	case Renamed:
		s.Name = e.Name
		return s
	case OfficerGranted:
		o := Officer{Account: e.Account, Role: e.Role}
		if e.Expires != nil {
			o.Expires = *e.Expires
		}
		s.Officers = slices.Clone(s.Officers)
		if i := slices.IndexFunc(s.Officers, func(have Officer) bool { return have.Account == e.Account }); i >= 0 {
			s.Officers[i] = o
		} else {
			s.Officers = append(s.Officers, o)
		}
		return s
	case GrantRevoked:
		s.Officers = slices.DeleteFunc(slices.Clone(s.Officers), func(o Officer) bool { return o.Account == e.Account })
		return s
	case Closed:
		s.Closed, s.Officers = true, nil
		return s
	case Reopened:
		s.Closed = false
		return s
	}
	panic("organization: event of an unknown type")
}
