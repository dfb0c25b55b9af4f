package openid

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/domain/text"
)

var mapping = Mapping{Name: "name", Roles: "/a/b~1c", RoleNames: map[string][]domain.Role{"x": {domain.Auditor}}, OrganizationID: "org"}

func TestClaimsOfAnyShapeAreRead(t *testing.T) {
	for in, want := range map[string][]domain.Role{
		`{"a":{"b/c":["x","y",1]}}`:  {domain.Auditor},
		`{"a":{"b/c":"y x"}}`:        {domain.Auditor},
		`{"a":{"b/c":{"x":{}}}}`:     {domain.Auditor},
		`{"/a/b~1c":["x"]}`:          {domain.Auditor},
		`{"a":["x"],"name":{"x":1}}`: nil,
		`{}`:                         nil,
	} {
		claims, err := decodeClaims([]byte(in))
		require.NoError(t, err)
		require.Equal(t, want, mapping.person("i", "s", claims).Roles, in)
	}
	require.True(t, text.Has("error."+ErrIssuerUnavailable.Code))
}

func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"a":{"b/c":["x"]},"name":"\u0000a","org":"o"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		claims, err := decodeClaims(data)
		if err != nil {
			return
		}
		e := mapping.person("i", "s", claims)
		if len([]rune(e.Name)) > 100 || strings.ContainsAny(e.Name, "\x00\n") {
			t.Fatalf("name %q", e.Name)
		}
		if slices.ContainsFunc(e.Roles, func(r domain.Role) bool { return r != domain.Auditor }) {
			t.Fatalf("roles %v", e.Roles)
		}
	})
}

func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/", "//evil.example", "/\\evil.example", "https://evil.example", "/%2f/evil", "/a?b=//c", "/\t/evil"} {
		f.Add(s)
	}
	base, err := url.Parse("https://zhiping.example/")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := base.Parse(localPath(s))
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme {
			t.Fatalf("%q leads to %v", s, u)
		}
	})
}
