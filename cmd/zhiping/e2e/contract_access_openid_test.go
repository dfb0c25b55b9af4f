package e2e

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/cmd/zhiping/internal/node"
	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/infra/identity/openid/openidtest"
)

// elsewhereFlags sign people in at a provider, whose claim “roles” names ours as they are.
func elsewhereFlags(address string, provider *openidtest.Provider) []string {
	var roles []string
	for _, r := range domain.Roles() {
		roles = append(roles, string(r)+"="+string(r))
	}
	return []string{"--demo", "--addr", address, "--base-url", "http://" + address, "--oidc-issuer", provider.Issuer, "--oidc-client-id", "zhiping",
		"--oidc-client-secret", openidtest.ClientSecret, "--oidc-roles-claim", "roles", "--oidc-roles", strings.Join(roles, ";"), "--oidc-everybody", string(domain.Applicant),
		"--oidc-organization-id", "org", "--oidc-organization-name", "org"}
}

// A second world, where people sign in at an OpenID provider: every route has its row there too, lets nobody in who is not
// signed in, and no role without a row. Resources are the first world's matter.
func TestAccessWhereSignInIsElsewhere(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	provider := openidtest.New(t, "zhiping", "http://"+address+"/api/v1/auth/openid/callback")
	s := world.Start(t, t.TempDir(), elsewhereFlags(address, provider)...)
	w := &world.World{T: t, Server: s}
	w.ReadContract()
	routes := guarded(t, w, elsewhere)
	if len(routes) < 50 {
		t.Fatalf("only %d routes", len(routes))
	}
	tokens := map[domain.Role]*world.Caller{}
	for _, role := range domain.Roles() {
		claims := goodClaims(provider)
		claims["sub"], claims["name"], claims["roles"], claims["org"] = "at-"+string(role), string(role), []string{string(role)}, "demo-"+string(role)
		tokens[role] = &world.Caller{Server: s, Token: provider.Sign(t, claims)}
		if got := world.Roles(tokens[role]); !slices.Contains(got, string(role)) {
			t.Fatalf("the %s has %v", role, got)
		}
	}
	for _, r := range routes {
		path := strings.NewReplacer("{id}", world.MissingID, "{aid}", world.MissingID, "{rid}", world.MissingID, "{applicantId}", world.MissingID, "{ticket}", "x", "{uscc}", world.Hospital,
			"{module}", "basic", "{account}", "nobody", "{role}", "auditor").Replace(r.Path)
		if got := statusOf(&world.Caller{Server: s}, r, path, nil); got != http.StatusUnauthorized {
			t.Errorf("%s without signing in: %d", r.Name, got)
		}
		for role, c := range tokens {
			held := domain.Actor{Roles: []domain.Role{role, domain.Applicant}, Organization: domain.Organization{ID: "demo-" + string(role)}}
			may := r.Action == "anyone" || access.MayTry(held, r.Action)
			if got := statusOf(c, r, path, nil); got == http.StatusUnauthorized || got >= 500 || !may && got != http.StatusForbidden {
				t.Errorf("%s as %s, who may try it: %v: %d", r.Name, role, may, got)
			}
		}
	}
}

// Routes that huma does not publish are walked by nobody, so there are few, and they are named here.
func TestEveryRouteIsPublished(t *testing.T) {
	unpublished := []string{"GET /healthz", "GET /readyz", "GET /metrics", "GET /docs", "GET /openapi.json", "GET /openapi.yaml", "GET /openapi-3.0.json", "GET /openapi-3.0.yaml"}
	for _, path := range []string{"auth/captcha", "auth/codes", "auth/register", "auth/login", "auth/password/reset", "auth/qr", "me/password"} { // they say where to sign in instead
		unpublished = append(unpublished, "elsewhere POST /api/v1/"+path)
	}
	provider := openidtest.New(t, "zhiping", "http://127.0.0.1/api/v1/auth/openid/callback")
	for mode, c := range map[string]*node.Options{
		"":          {Addr: "127.0.0.1:0", Data: t.TempDir(), Demo: true, Roles: "all", Site: "http://127.0.0.1"},
		"elsewhere": {Addr: "127.0.0.1:0", Data: t.TempDir(), Demo: true, Roles: "all", BaseURL: "http://127.0.0.1", OIDC: node.OpenIDFlags{Issuer: provider.Issuer, ClientID: "zhiping"}},
	} {
		n, err := node.Open(t.Context(), c, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		published := map[string]bool{}
		for path, item := range n.API.OpenAPI().Paths {
			for method, op := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "DELETE": item.Delete} {
				published[method+" "+strings.NewReplacer("{", ":", "}", "").Replace(path)] = op != nil
			}
		}
		seen := 0
		for _, routes := range n.API.App().Stack() {
			for _, r := range routes {
				name := r.Method + " " + r.Path
				middleware := r.Path == "/" || r.Method == fiber.MethodHead
				if !middleware && !published[name] && !slices.Contains(unpublished, name) && !slices.Contains(unpublished, mode+" "+name) {
					t.Errorf("%s is not published, so nobody walks it", name)
				}
				seen++
			}
		}
		if seen < 90 {
			t.Errorf("only %d routes", seen)
		}
		n.Close()
	}
}
