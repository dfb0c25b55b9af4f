package node

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"zhiping/domain"
	"zhiping/http"
	"zhiping/infra/identity"
	"zhiping/infra/identity/openid"
)

// OpenIDFlags name an OpenID provider where people sign in, in place of the built-in passwords, and say what its claims
// mean here.
type OpenIDFlags struct {
	Issuer           string            `placeholder:"URL" help:"OpenID provider to sign in at; its access tokens (JWT) are accepted too. The built-in sign-in is off then. Needs --base-url."`
	ClientID         string            `placeholder:"ID" help:"Client id at the provider."`
	ClientSecret     string            `placeholder:"SECRET" help:"Client secret; better set by the environment. Empty for a public client."`
	Scopes           []string          `placeholder:"SCOPE,…" help:"Scopes to ask for. Default: openid,profile."`
	Audience         string            `help:"Audience that access tokens must name. Default: the client id."`
	UserInfo         bool              `name:"userinfo" help:"Ask the userinfo endpoint for claims that the id token lacks."`
	NameClaim        string            `placeholder:"CLAIM" help:"Claim with the person's name. Default: name. A claim is named as it is or by a JSON pointer, e.g. /realm_access/roles."`
	RolesClaim       string            `placeholder:"CLAIM" help:"Claim with the person's roles: a string or a list of them."`
	Roles            map[string]string `placeholder:"VALUE=ROLE;…" help:"What the provider's values mean, e.g. reviewer=bureau;staff=unit. Values that are not named mean nothing."`
	Everybody        []string          `placeholder:"ROLE,…" default:"applicant" help:"Roles of everybody whom the provider signs in."`
	OrganizationID   string            `placeholder:"CLAIM" help:"Claim with the id of an officer's organization."`
	OrganizationName string            `placeholder:"CLAIM" help:"Claim with its name."`
}

func (f OpenIDFlags) config(baseURL string) openid.Config {
	roles := map[string][]domain.Role{}
	for value, names := range f.Roles {
		for name := range strings.SplitSeq(names, "+") {
			roles[value] = append(roles[value], domain.Role(name))
		}
	}
	var everybody []domain.Role
	for _, name := range f.Everybody {
		everybody = append(everybody, domain.Role(name))
	}
	return openid.Config{
		Issuer: f.Issuer, ClientID: f.ClientID, ClientSecret: f.ClientSecret, Scopes: slices.Clone(f.Scopes), Audience: f.Audience, UserInfo: f.UserInfo,
		RedirectURL: baseURL + "/api/v1/auth/openid/callback", PostLogoutURL: baseURL + "/",
		Mapping: openid.Mapping{Name: f.NameClaim, Roles: f.RolesClaim, RoleNames: roles, Always: everybody,
			OrganizationID: f.OrganizationID, OrganizationName: f.OrganizationName},
	}
}

// openOpenID makes the client of the OpenID provider, if one is named. The provider need not be up yet.
func (n *Node) openOpenID(_ context.Context, c *Options) (err error) {
	if c.OIDC.Issuer == "" {
		return nil
	}
	if c.BaseURL == "" {
		return fmt.Errorf("--oidc-issuer needs --base-url, the address that browsers reach this site at")
	}
	cfg := c.OIDC.config(strings.TrimSuffix(c.BaseURL, "/"))
	cfg.Clock = n.Clock
	n.openid, err = openid.New(cfg, n.Identity, ClaimRecorder{n.Executor, n.Identity})
	return err
}

// openIDAdapter gives the edge the OpenID provider.
type openIDAdapter struct{ client *openid.Client }

func (o openIDAdapter) Begin(ctx context.Context, returnTo string) (address, secret string, err error) {
	s, err := o.client.Begin(ctx, returnTo)
	return s.URL, s.Secret, err
}

func (o openIDAdapter) Finish(ctx context.Context, a http.OpenIDAnswer) (http.Session, string, error) {
	s, returnTo, err := o.client.Finish(ctx, openid.Callback{State: a.State, Code: a.Code, Issuer: a.Issuer, Error: a.Error,
		Secret: a.Secret, Address: a.Client.Address, UserAgent: a.Client.UserAgent})
	if err != nil {
		return http.Session{}, "", err
	}
	return sessionOf(s), returnTo, nil
}

func (o openIDAdapter) SignOut(ctx context.Context, logoutToken string) error {
	return o.client.LogoutFromProvider(ctx, logoutToken)
}

// openIDPort is what the API signs people in with; nil for passwords.
func (n *Node) openIDPort() http.OpenID {
	if n.openid == nil {
		return nil
	}
	return openIDAdapter{n.openid}
}

// authenticate accepts sessions, and the provider's access tokens where there is one.
func (a auth) authenticate(ctx context.Context, token string) (domain.Actor, identity.SessionInfo, error) {
	if a.openid != nil {
		return a.openid.Authenticate(ctx, token)
	}
	return a.provider.Authenticate(ctx, token)
}
