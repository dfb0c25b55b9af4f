package http

import (
	"context"
	"fmt"
	"time"

	"zhiping/domain"
	"zhiping/domain/account"
)

// AccountRole is a role that an account holds itself, beside those that it holds as an officer. Active is false once the
// grant has run out.
type AccountRole struct {
	Role         domain.Role          `json:"role"`
	Organization *domain.Organization `json:"organization,omitempty" doc:"Of an officer's role that an OpenID provider's claims give"`
	Expires      *time.Time           `json:"expires,omitempty"`
	Active       bool                 `json:"active"`
	Origin       account.Origin       `json:"origin" enum:"admin,operator,provider,recorded_before" doc:"Who gave it: an admin, who holds the machine, or an OpenID provider; or that it was held before such grants were recorded as events"`
	Issuer       string               `json:"issuer,omitempty" doc:"The OpenID provider"`
	GrantedAt    *time.Time           `json:"grantedAt,omitempty"`
	GrantedBy    string               `json:"grantedBy,omitempty"`
}

// AccountRoles are all of an account's.
type AccountRoles struct {
	Account  string        `json:"account"`
	Roles    []AccountRole `json:"roles"`
	Revision uint64        `json:"revision"`
}

// ByAccount names an account by id in the path.
type ByAccount struct {
	ID string `path:"id" maxLength:"64"`
}

func (s *Server) roleRoutes() {
	handle(s, route{"GET", "/accounts/{id}/roles", "The roles that an account holds itself, beside an officer's", "viewRoles", 200}, s.roles, unviewed)
	handle(s, route{"POST", "/accounts/{id}/roles", "Give an account a role, or another end to it", "GrantRole", 200}, func(ctx context.Context, in *struct {
		ByAccount
		Body struct {
			Role    domain.Role `json:"role" enum:"admin,auditor,analyst"`
			Expires *time.Time  `json:"expires,omitempty" doc:"When the grant ends; never when it is missing"`
		}
	}) (*written[AccountRoles], error) {
		return s.decideRole(ctx, in.ID, account.Grant{Role: in.Body.Role, Expires: in.Body.Expires})
	})
	handle(s, route{"DELETE", "/accounts/{id}/roles/{role}", "Take a role from an account, at once", "RevokeRole", 200}, func(ctx context.Context, in *struct {
		ByAccount
		Role domain.Role `path:"role" enum:"admin,auditor,analyst"`
	}) (*written[AccountRoles], error) {
		return s.decideRole(ctx, in.ID, account.Revoke{Role: in.Role})
	})
}

// decideRole runs a command and answers the roles as they are after it, once they are in force for sessions that are
// there already.
func (s *Server) decideRole(ctx context.Context, id string, c account.Command) (*written[AccountRoles], error) {
	r, err := s.Executor.Account(ctx, requestOf(ctx).envelope(), id, c)
	if err != nil {
		return nil, err
	}
	s.awaitSignIn(ctx, r.Position)
	out := AccountRoles{Account: id, Roles: []AccountRole{}, Revision: r.Revision}
	for _, h := range r.State.Roles {
		out.Roles = append(out.Roles, s.accountRole(h))
	}
	return wrote(r, 200, out), nil
}

func (s *Server) accountRole(h account.Held) AccountRole {
	r := AccountRole{Role: h.Role, Expires: stamp(h.Expires), Active: h.Active(s.Clock()), Origin: h.Origin, Issuer: h.Issuer}
	if h.Organization.ID != "" {
		r.Organization = &h.Organization
	}
	return r
}

// roles reads the account's own stream, which is short: no view lags behind it.
func (s *Server) roles(ctx context.Context, in *ByAccount) (*read[AccountRoles], error) {
	names, err := s.Directory.Names(ctx, []string{in.ID})
	if err != nil {
		return nil, err
	}
	if _, known := names[in.ID]; !known {
		return nil, account.ErrNotFound
	}
	events, err := s.Events.Read(ctx, domain.Stream(domain.CategoryAccount, in.ID), 0)
	if err != nil {
		return nil, err
	}
	out := AccountRoles{Account: in.ID, Roles: []AccountRole{}}
	if len(events) == 0 {
		return &read[AccountRoles]{Status: 200, Body: out}, nil
	}
	var state account.State
	granted := map[account.Held]domain.Recorded{}
	for _, e := range events {
		event, ok := e.Event.(account.Event)
		if !ok {
			return nil, fmt.Errorf("http: %T in %s", e.Event, e.Stream)
		}
		state, out.Revision = account.Evolve(state, event), e.Revision
		if g, ok := event.(account.RoleGranted); ok {
			granted[g.Held().Key()] = e
		}
	}
	variant := "roles"
	for _, h := range state.Roles {
		r, e := s.accountRole(h), granted[h.Key()]
		r.GrantedAt, r.GrantedBy = stamp(e.Meta.At), e.Meta.Actor
		out.Roles = append(out.Roles, r)
		if !r.Active {
			variant += "-" + string(h.Role) // a grant runs out without an event
		}
	}
	return found(ctx, out, out.Revision, variant), nil
}
