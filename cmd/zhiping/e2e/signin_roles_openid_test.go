package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/infra/identity"
	"zhiping/infra/identity/openid/openidtest"
)

// What the claims of a sign-in give and take is an event each, before there is a session, and nothing when nothing
// changes. While the event store is away a person comes in with what is on record, and with nothing else.
func TestClaimsThatGiveAndTakeRolesAreEvents(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	base := "http://" + address
	provider := openidtest.New(t, "zhiping", base+"/api/v1/auth/openid/callback")
	events, url := world.SharedEventStore(t)
	s := world.Start(t, t.TempDir(), "--addr", address, "--base-url", base, "--eventstore", url, "--oidc-issuer", provider.Issuer, "--oidc-client-id", "zhiping",
		"--oidc-client-secret", openidtest.ClientSecret, "--oidc-roles-claim", "roles", "--oidc-roles", "reviewer=bureau;watch=auditor;boss=admin",
		"--oidc-organization-id", "org", "--oidc-organization-name", "org_name")
	claims := goodClaims(provider)
	claims["sub"], claims["roles"] = "auditor", []string{"watch"}
	auditor := &world.Caller{Server: s, Token: provider.Sign(t, claims)}
	id := identity.External{Issuer: provider.Issuer, Subject: openidtest.Subject}.AccountID()

	signIn := func(roles ...string) (browser, int, string) {
		t.Helper()
		provider.Claim(map[string]any{"name": "王科长", "roles": roles, "org": "hrss", "org_name": "省人社厅"})
		b := newBrowser(t)
		res, body := b.visit("GET", base+"/api/v1/auth/openid", nil)
		require.Equal(t, http.StatusFound, res.StatusCode, body)
		res, body = b.visit("GET", provider.Authorize(t, res.Header.Get("Location")).String(), nil)
		return b, res.StatusCode, body
	}
	has := func(b browser, role string, want bool) {
		t.Helper()
		_, body := b.visit("GET", base+"/api/v1/me", nil)
		require.Equal(t, want, strings.Contains(body, `"`+role+`"`), body)
	}
	by := func(what, role string) string {
		return what + " by claims: " + map[string]string{"RoleGranted": "授予", "RoleRevoked": "撤销"}[what] + "角色“" + role + "”（统一身份认证平台的声明）"
	}

	first, status, body := signIn("reviewer")
	require.Equal(t, http.StatusSeeOther, status, body)
	has(first, "bureau", true)
	told := []string{by("RoleGranted", "个人"), by("RoleGranted", "人社部门经办人")}
	require.Equal(t, told, rolesTold(auditor, id))
	entry := auditor.Want(200, "", "GET", "/audit?account="+id, nil).Items("items")[1]
	require.Equal(t, "ClaimRoles", entry["command"])
	require.NotEmpty(t, entry["ip"])
	require.Contains(t, string(auditor.Want(200, "", "GET", "/accounts/"+id+"/roles", nil).Raw), provider.Issuer)

	_, status, body = signIn("reviewer")
	require.Equal(t, http.StatusSeeOther, status, body)
	require.Equal(t, told, rolesTold(auditor, id), "nothing has changed")

	second, status, body := signIn("boss")
	require.Equal(t, http.StatusSeeOther, status, body)
	for _, b := range []browser{first, second} { // also in the session that is there already
		has(b, "bureau", false)
		has(b, "admin", true)
	}
	told = append(told, by("RoleRevoked", "人社部门经办人"), by("RoleGranted", "管理员"))
	require.Equal(t, told, rolesTold(auditor, id))
	claims = goodClaims(provider)
	claims["sub"], claims["roles"] = "root", []string{"boss"}
	(&world.Caller{Server: s, Token: provider.Sign(t, claims)}).Want(409, "role_by_provider", "DELETE", "/accounts/"+id+"/roles/admin", nil)

	// Nobody acts for a closed organization, by claims neither; what they give counts again once it is open.
	claims["roles"] = []string{"boss"}
	root := &world.Caller{Server: s, Token: provider.Sign(t, claims)}
	root.Want(201, "", "POST", "/organizations", map[string]any{"id": "hrss", "name": "省人社厅", "kind": "bureau"})
	claims["sub"], claims["roles"], claims["org"] = "program", []string{"reviewer"}, "hrss"
	program := &world.Caller{Server: s, Token: provider.Sign(t, claims)}
	fourth, status, body := signIn("boss", "reviewer")
	require.Equal(t, http.StatusSeeOther, status, body)
	told = append(told, by("RoleGranted", "人社部门经办人"))
	for _, open := range []bool{true, false, true} {
		step := map[bool]string{true: "reopen", false: "close"}[open]
		root.Want(200, "", "POST", "/organizations/hrss/"+step, nil)
		fifth, status, body := signIn("boss", "reviewer")
		require.Equal(t, http.StatusSeeOther, status, body)
		for _, b := range []browser{fourth, fifth} {
			has(b, "bureau", open)
			has(b, "admin", true)
		}
		require.Equal(t, open, strings.Contains(string(program.Want(200, "", "GET", "/me", nil).Raw), `"bureau"`), step)
	}
	require.Equal(t, told, rolesTold(auditor, id))
	_, status, body = signIn("boss")
	require.Equal(t, http.StatusSeeOther, status, body)

	world.CloseEventStore(events)
	third, status, body := signIn("boss")
	require.Equal(t, http.StatusSeeOther, status, body)
	has(third, "admin", true)
	for _, roles := range [][]string{{}, {"boss", "watch"}} {
		b, status, body := signIn(roles...)
		require.Equal(t, http.StatusServiceUnavailable, status, body)
		require.Contains(t, body, "event_store_unavailable")
		res, _ := b.visit("GET", base+"/api/v1/me", nil)
		require.Equal(t, http.StatusUnauthorized, res.StatusCode, "there is no session")
	}
}
