package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"zhiping/domain"
	"zhiping/domain/access"
)

// public are the routes for which nobody must be signed in.
var public = []string{
	"POST /auth/login", "POST /auth/captcha", "POST /auth/codes", "POST /auth/register", "POST /auth/password/reset",
	"POST /auth/qr", "GET /auth/qr/{ticket}",
}

// Every route of the published contract × every role: who has no row in the policy table is refused, and nobody gets
// anywhere without signing in.
func TestEveryRouteFollowsThePolicyTable(t *testing.T) {
	s := start(t, t.TempDir(), "--demo")
	roles := map[domain.Role]*caller{}
	for _, r := range domain.Roles() {
		roles[r] = s.as(string(r))
	}
	nobody := &caller{s: s}
	paths, _ := nobody.want(200, "", "GET", "/openapi.json", nil).body["paths"].(map[string]any)
	fill := strings.NewReplacer("{id}", "00000000-0000-4000-8000-000000000001", "{aid}", "00000000-0000-4000-8000-000000000002",
		"{rid}", "00000000-0000-4000-8000-000000000003", "{module}", "basic", "{uscc}", university, "{applicantId}", "somebody", "{ticket}", "t")
	routes := 0
	for path, methods := range paths {
		operations, _ := methods.(map[string]any)
		for method, op := range operations {
			operation, _ := op.(map[string]any)
			action, published := operation["x-action"].(string)
			name := strings.ToUpper(method) + " " + strings.TrimPrefix(path, "/api/v1")
			if !published {
				t.Errorf("%s publishes no action", name)
			}
			if action == "" {
				if !slices.Contains(public, name) {
					t.Errorf("%s needs nobody to be signed in, and is not among those that should", name)
				}
				continue
			}
			routes++
			if strings.HasSuffix(path, "/stream") || name == "POST /auth/logout" {
				continue // the one never ends, the other ends the test's own sessions
			}
			if _, row := access.Policy[access.Action(action)]; !row && action != "anyone" {
				t.Errorf("%s: no row for %s", name, action)
				continue
			}
			ask := func(c *caller) int {
				var body any
				if method != "get" && method != "delete" {
					body = map[string]any{}
				}
				return c.do(strings.ToUpper(method), fill.Replace(strings.TrimPrefix(path, "/api/v1")), body).status
			}
			if got := ask(nobody); got != http.StatusUnauthorized && got != http.StatusUnprocessableEntity {
				t.Errorf("%s without signing in: %d", name, got)
			}
			for role, c := range roles {
				may := action == "anyone" || access.MayTry(domain.Actor{Roles: []domain.Role{role}}, access.Action(action))
				got := ask(c)
				// A body that does not fit is refused before anybody asks who sent it.
				if !may && got != http.StatusForbidden && got != http.StatusUnprocessableEntity {
					t.Errorf("%s as %s: %d, though the policy has no row", name, role, got)
				}
				if may && got == http.StatusUnauthorized || got >= 500 {
					t.Errorf("%s as %s: %d", name, role, got)
				}
			}
		}
	}
	if routes < 45 {
		t.Fatalf("only %d routes", routes)
	}
}
