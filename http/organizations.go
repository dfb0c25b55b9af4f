package http

import (
	"context"
	"time"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/organization"
	"zhiping/readmodels"
	"zhiping/readmodels/views"
)

// Directory knows the accounts that may become officers. Safe for concurrent use.
type Directory interface {
	// Find answers the account of an id, a login name or a phone; domain.ErrNotFound where there is none.
	Find(ctx context.Context, who string) (account string, err error)
	// Names answers the names of those of the accounts that are there.
	Names(ctx context.Context, accounts []string) (map[string]string, error)
	// Await returns once sign-in heeds the events up to a position.
	Await(ctx context.Context, position uint64) error
	// People lists accounts by id: those whose name begins with the text, or whose login name, phone or e-mail address
	// it is; all of them for "".
	People(ctx context.Context, text, after string, limit int) ([]Person, error)
	// Audit lists what happened to accounts, newest first.
	Audit(ctx context.Context, q IdentityQuery) ([]IdentityRecord, error)
}

// OrganizationOfficer is an account that may act for an organization. Active is false once the grant has run out.
type OrganizationOfficer struct {
	Account   string      `json:"account"`
	Name      string      `json:"name"`
	Role      domain.Role `json:"role"`
	Expires   *time.Time  `json:"expires,omitempty"`
	Active    bool        `json:"active"`
	GrantedAt *time.Time  `json:"grantedAt,omitempty"`
	GrantedBy string      `json:"grantedBy,omitempty"`
}

// OrganizationNode is a node of the tree of organizations. Officers are shown to those who may know them, and in the
// answer for one organization only.
type OrganizationNode struct {
	ID       string                `json:"id"`
	Name     string                `json:"name"`
	Kind     organization.Kind     `json:"kind" enum:"bureau,department,committee,unit,administration,audit,analytics"`
	Parent   string                `json:"parent,omitempty"`
	Closed   bool                  `json:"closed"`
	Officers []OrganizationOfficer `json:"officers,omitempty"`
	Revision uint64                `json:"revision"`
}

// ByOrganization names an organization by id in the path.
type ByOrganization struct {
	ID string `path:"id" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$"`
}

func (s *Server) organizationRoutes() {
	handle(s, route{"GET", "/organizations", "The tree of organizations, oldest first; by parent or kind", "viewOrganizations", 200}, s.organizations)
	handle(s, route{"POST", "/organizations", "Add an organization to the tree", "CreateOrganization", 201}, s.createOrganization)
	handle(s, route{"GET", "/organizations/{id}", "One organization, with its officers for those who may know them", "viewOrganizations", 200}, s.organization)
	handle(s, route{"PUT", "/organizations/{id}", "Rename an organization", "RenameOrganization", 200}, func(ctx context.Context, in *struct {
		ByOrganization
		Body struct {
			Name string `json:"name" maxLength:"1000"`
		}
	}) (*written[OrganizationNode], error) {
		return s.organize(ctx, in.ID, 200, organization.Rename{Name: in.Body.Name})
	})
	handle(s, route{"POST", "/organizations/{id}/close", "Close an organization, and end the power of its officers", "CloseOrganization", 200}, func(ctx context.Context, in *ByOrganization) (*written[OrganizationNode], error) {
		return s.organize(ctx, in.ID, 200, organization.Close{})
	})
	handle(s, route{"POST", "/organizations/{id}/reopen", "Take a closure back; officers are granted anew", "ReopenOrganization", 200}, func(ctx context.Context, in *ByOrganization) (*written[OrganizationNode], error) {
		return s.organize(ctx, in.ID, 200, organization.Reopen{})
	})
	handle(s, route{"POST", "/organizations/{id}/officers", "Let an account act for the organization, with the role of its kind", "GrantOfficer", 200}, s.grantOfficer)
	handle(s, route{"DELETE", "/organizations/{id}/officers/{account}", "End an officer's power, at once", "RevokeGrant", 200}, func(ctx context.Context, in *struct {
		ByOrganization
		Account string `path:"account" maxLength:"64"`
	}) (*written[OrganizationNode], error) {
		return s.organize(ctx, in.ID, 200, organization.RevokeGrant{Account: in.Account})
	})
}

// signInTimeout bounds how long a command waits until sign-in heeds it.
const signInTimeout = 5 * time.Second

// awaitSignIn waits until sign-in, and sessions that are there already, heed what was appended. It has happened by then,
// so running out of time is no failure: sign-in follows as soon as it can.
func (s *Server) awaitSignIn(ctx context.Context, position uint64) {
	wait, cancel := context.WithTimeout(ctx, signInTimeout)
	defer cancel()
	if err := s.Directory.Await(wait, position); err != nil {
		s.Logger.WarnContext(ctx, "sign-in does not follow", "error", err, "position", position)
	}
}

// organize runs a command and answers the organization as it is after it, once it is in force for sign-ins and for
// sessions that are there already.
func (s *Server) organize(ctx context.Context, id string, status int, c organization.Command) (*written[OrganizationNode], error) {
	r, err := s.Executor.Organization(ctx, requestOf(ctx).envelope(), id, c)
	if err != nil {
		return nil, err
	}
	s.awaitSignIn(ctx, r.Position)
	body, err := s.organizationOf(ctx, r)
	if err != nil {
		return nil, err
	}
	return wrote(r, status, body), nil
}

func (s *Server) organizationOf(ctx context.Context, r commands.Result[organization.State]) (OrganizationNode, error) {
	o := OrganizationNode{ID: r.State.ID, Name: r.State.Name, Kind: r.State.Kind, Parent: r.State.Parent, Closed: r.State.Closed, Revision: r.Revision}
	for _, have := range r.State.Officers {
		o.Officers = append(o.Officers, OrganizationOfficer{Account: have.Account, Role: have.Role, Expires: stamp(have.Expires), Active: have.Active(s.Clock())})
	}
	return o, s.name(ctx, o.Officers)
}

// name fills in the officers' names, which are in no event.
func (s *Server) name(ctx context.Context, officers []OrganizationOfficer) error {
	ids := make([]string, len(officers))
	for i, o := range officers {
		ids[i] = o.Account
	}
	names, err := s.Directory.Names(ctx, ids)
	for i := range officers {
		officers[i].Name = names[officers[i].Account]
	}
	return err
}

func (s *Server) createOrganization(ctx context.Context, in *struct {
	Body struct {
		ID     string            `json:"id,omitempty" maxLength:"200" doc:"A unit's credit code; for others made up when it is missing"`
		Name   string            `json:"name" maxLength:"1000"`
		Kind   organization.Kind `json:"kind" enum:"bureau,department,committee,unit,administration,audit,analytics"`
		Parent string            `json:"parent,omitempty" maxLength:"200"`
	}
}) (*written[OrganizationNode], error) {
	id := in.Body.ID
	if id == "" && in.Body.Kind != organization.KindUnit {
		id = requestOf(ctx).newID("organization").String()
	}
	out, err := s.organize(ctx, id, 201, organization.Create{Name: in.Body.Name, Kind: in.Body.Kind, Parent: in.Body.Parent})
	if err != nil {
		return nil, err
	}
	out.Location = "/api/v1/organizations/" + id
	return out, nil
}

func (s *Server) grantOfficer(ctx context.Context, in *struct {
	ByOrganization
	Body struct {
		Account string     `json:"account" minLength:"1" maxLength:"64" doc:"Id, login name or phone"`
		Expires *time.Time `json:"expires,omitempty" doc:"When the grant ends; never when it is missing"`
	}
}) (*written[OrganizationNode], error) {
	account, err := s.Directory.Find(ctx, in.Body.Account)
	if err != nil {
		return nil, err
	}
	return s.organize(ctx, in.ID, 200, organization.GrantOfficer{Account: account, Expires: in.Body.Expires})
}

func (s *Server) organizations(ctx context.Context, in *struct {
	Paging
	Parent string `query:"parent" maxLength:"64"`
	Kind   string `query:"kind" enum:"bureau,department,committee,unit,administration,audit,analytics"`
}) (*struct{ Body list[OrganizationNode] }, error) {
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	equal := map[string]any{}
	if in.Parent != "" {
		equal["parent"] = in.Parent
	}
	if in.Kind != "" {
		equal["kind"] = in.Kind
	}
	page, err := views.Organizations.Find(ctx, s.Reader, readmodels.Query{Equal: equal, Sort: "created", After: key, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	return &struct{ Body list[OrganizationNode] }{listOf(page, organizationItem)}, nil
}

func organizationItem(d *views.Organization) OrganizationNode {
	return OrganizationNode{ID: d.ID, Name: d.Name, Kind: d.Kind, Parent: d.Parent, Closed: d.Closed, Revision: d.Revision}
}

func (s *Server) organization(ctx context.Context, in *ByOrganization) (*read[OrganizationNode], error) {
	d, err := one(ctx, s, views.Organizations, in.ID, organization.ErrNotFound)
	if err != nil {
		return nil, err
	}
	o := organizationItem(d)
	if !access.Allowed(requestOf(ctx).actor, "viewOfficers", access.Resource{Organization: d.ID}) {
		return found(ctx, o, d.Revision), nil
	}
	now, variant := s.Clock(), "officers"
	for _, have := range d.Officers {
		active := organization.Officer{Expires: have.Expires}.Active(now)
		o.Officers = append(o.Officers, OrganizationOfficer{Account: have.Account, Role: have.Role, Expires: stamp(have.Expires),
			Active: active, GrantedAt: stamp(have.GrantedAt), GrantedBy: have.GrantedBy})
		if !active {
			variant += "-" + have.Account // a grant runs out without an event
		}
	}
	if err := s.name(ctx, o.Officers); err != nil {
		return nil, err
	}
	return found(ctx, o, d.Revision, variant), nil
}
