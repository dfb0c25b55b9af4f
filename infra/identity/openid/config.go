// Package openid signs people in at an OpenID provider and accepts that provider's access tokens at the API: the
// authorization code flow with PKCE, discovery, key rotation, sign-out at the provider and from it. Sessions are the
// identity package's, so a sign-out holds at once on every node, also of an access token that is a JWT. What the provider
// revokes without telling us by back-channel logout holds until it expires, which is why providers should issue short ones.
//
// The package may import domain and infra/identity. What a provider's claims mean here is Mapping, which is
// configuration: a new claim to understand is a field there.
package openid

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"zhiping/domain"
)

// Config names the provider and what its claims mean.
type Config struct {
	Issuer        string
	ClientID      string
	ClientSecret  string   // empty for a public client, which PKCE alone protects
	RedirectURL   string   // of our callback
	PostLogoutURL string   // where the provider sends people after a sign-out; none when empty
	Scopes        []string // openid and profile when empty
	Audience      string   // that access tokens must name; ClientID when empty
	UserInfo      bool     // ask the userinfo endpoint at sign-in, for claims that the id token lacks
	Mapping       Mapping

	Leeway  time.Duration // for clocks that disagree: 1 minute
	KeysFor time.Duration // shortest time between two fetches of the provider's keys: 5 s
	// Remember is how long a verified access token is not verified again: 1 minute.
	Remember time.Duration

	HTTP  *http.Client // 10 s timeout when nil
	Clock func() time.Time
	Rand  io.Reader
}

// Mapping says which claims hold what. A claim is named as it is, or by a JSON pointer such as /realm_access/roles.
type Mapping struct {
	Name             string                   // "name" when empty
	Email            string                   // "email" when empty
	Roles            string                   // a string or a list of strings; none when empty
	RoleNames        map[string][]domain.Role // what the provider's values mean; values that are not here mean nothing
	Always           []domain.Role            // of everybody whom the provider signs in, e.g. applicant
	OrganizationID   string
	OrganizationName string
}

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("openid: "+format, args...)) }
	if !secure(c.Issuer) {
		fault("the issuer must be an https URL")
	}
	if c.ClientID == "" {
		fault("a client id is needed")
	}
	if !secure(c.RedirectURL) {
		fault("the redirect URL must be an https URL")
	}
	for _, roles := range append(mapValues(c.Mapping.RoleNames), c.Mapping.Always) {
		for _, r := range roles {
			if !slices.Contains(domain.Roles(), r) {
				fault("there is no role %q", r)
			}
		}
	}
	return errors.Join(faults...)
}

func mapValues(m map[string][]domain.Role) [][]domain.Role {
	var out [][]domain.Role
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// secure accepts https, and http on this machine.
func secure(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return false
	}
	ip, _ := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip.IsLoopback())
}

func (c Config) withDefaults() Config {
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"openid", "profile"}
	}
	if c.Audience == "" {
		c.Audience = c.ClientID
	}
	if c.Mapping.Name == "" {
		c.Mapping.Name = "name"
	}
	if c.Mapping.Email == "" {
		c.Mapping.Email = "email"
	}
	if c.Leeway == 0 {
		c.Leeway = time.Minute
	}
	if c.KeysFor == 0 {
		c.KeysFor = 5 * time.Second
	}
	if c.Remember == 0 {
		c.Remember = time.Minute
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Timeout: 10 * time.Second}
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	return c
}
