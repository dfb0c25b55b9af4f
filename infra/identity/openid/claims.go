package openid

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"zhiping/domain"
	"zhiping/infra/identity"
)

// person reads a person out of claims. A claim that is missing or of another type is as good as empty, and means no
// role and no organization.
func (m Mapping) person(issuer, subject string, claims map[string]any) identity.External {
	e := identity.External{
		Issuer: issuer, Subject: subject, Name: clean(claimText(claims, m.Name)), Email: clean(claimText(claims, m.Email)),
		Organization: domain.Organization{ID: clean(claimText(claims, m.OrganizationID)), Name: clean(claimText(claims, m.OrganizationName))},
	}
	if e.Name == "" {
		e.Name = clean(claimText(claims, "preferred_username"))
	}
	seen := map[domain.Role]bool{}
	add := func(roles []domain.Role) {
		for _, r := range roles {
			if !seen[r] {
				seen[r] = true
				e.Roles = append(e.Roles, r)
			}
		}
	}
	add(m.Always)
	for _, value := range claimList(claims, m.Roles) {
		add(m.RoleNames[value])
	}
	return e
}

// claim finds a claim by name or JSON pointer.
func claim(claims map[string]any, name string) any {
	if name == "" {
		return nil
	}
	if v, ok := claims[name]; ok || !strings.HasPrefix(name, "/") {
		return v
	}
	var at any = claims
	for _, step := range strings.Split(name[1:], "/") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
	}
	return at
}

func claimText(claims map[string]any, name string) string {
	s, _ := claim(claims, name).(string)
	return s
}

// claimList reads a list of strings, one string, or an object whose keys are the strings, as some providers send
// roles.
func claimList(claims map[string]any, name string) []string {
	switch v := claim(claims, name).(type) {
	case string:
		return strings.Fields(v)
	case []any:
		var out []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	case map[string]any:
		var out []string
		for k := range v {
			out = append(out, k)
		}
		slices.Sort(out)
		return out
	}
	return nil
}

// clean bounds what comes from outside before it becomes a name in events.
func clean(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) > 100 {
		s = string([]rune(s)[:100])
	}
	return s
}

var errClaims = errors.New("openid: the claims are not an object")

func decodeClaims(data []byte) (map[string]any, error) {
	var claims map[string]any
	if err := json.Unmarshal(data, &claims); err != nil || claims == nil {
		return nil, errClaims
	}
	return claims, nil
}
