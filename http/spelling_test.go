package http

import (
	"io"
	"strings"
	"testing"
)

// spellings are other ways to write a path, of which some routers take one for another.
func spellings(path string) []string {
	escaped := strings.Replace(path, "/a", "/%61", 1)
	return []string{
		strings.ToUpper(path), strings.Replace(path, "/api", "/API", 1), strings.Replace(path, "/api", "/aPi", 1), strings.Replace(path, "/v1", "/V1", 1),
		path + "/", path + "//", "/" + path, strings.Replace(path, "/v1/", "/v1//", 1), path + "/.", "/x/.." + path, strings.Replace(path, "/v1/", "/./v1/", 1),
		escaped, strings.ReplaceAll(path, "/", "%2f"), "/" + strings.ReplaceAll(path[1:], "/", "%2F"), strings.Replace(escaped, "%61", "%2561", 1), path + "%00", path + "%20", path + "+",
		path + ";", path + ";x=1", strings.Replace(path, "/v1", ";x/v1", 1), path + "?x=/healthz", path + "#/healthz", path + "%3f", `\` + path[1:], strings.ReplaceAll(path, "/", `\`),
		"http://elsewhere.example" + path,
	}
}

// However a path is spelled, it is nobody's, or is limited and guarded as the plain one is.
func TestOtherSpellingsGetPastNothing(t *testing.T) {
	login := func() io.Reader { return strings.NewReader(`{"account":"a","password":"b"}`) }
	json := []string{"Content-Type", "application/json"}
	s, _ := edge(t, func(c *Config) { c.Limits.SignInsPerMinute = 2 })
	for range 2 {
		if status, text, _ := ask(t, s, "POST", "/api/v1/auth/login", login(), json...); status != 200 {
			t.Fatalf("%d %s", status, text)
		}
	}
	for _, path := range append(spellings("/api/v1/auth/login"), "/api/v1/auth/login") {
		if status, text, _ := ask(t, s, "POST", path, login(), json...); status != 404 && status != 429 {
			t.Errorf("a sign-in more at %s: %d %s", path, status, text)
		}
	}
	for _, path := range append(spellings("/api/v1/me"), "/api/v1/me") {
		if status, text, _ := ask(t, s, "GET", path, nil); status != 404 && status != 401 {
			t.Errorf("nobody at %s: %d %s", path, status, text)
		}
	}
	for _, path := range append(spellings("/api/v1/auth/logout"), "/api/v1/auth/logout") {
		if status, text, _ := ask(t, s, "POST", path, nil, "Cookie", "zhiping_session=good"); status != 404 && status != 403 {
			t.Errorf("the cookie alone at %s: %d %s", path, status, text)
		}
	}
	for _, path := range append(spellings("/api/v1/audit"), "/api/v1/audit") {
		if status, text, _ := ask(t, s, "GET", path, nil, "Authorization", "Bearer good"); status != 404 && status != 403 {
			t.Errorf("an applicant at %s: %d %s", path, status, text)
		}
	}
}

// The same for the limit of an address, of which only the operator's own paths are free.
func TestNoSpellingIsFreeOfTheLimitByAddress(t *testing.T) {
	s, _ := edge(t, func(c *Config) { c.Limits.AddressPerMinute = 1 })
	ask(t, s, "GET", "/api/v1/me", nil)
	for _, path := range append(spellings("/api/v1/me"), append(spellings("/healthz"), "/nothing", "/docs", "/openapi.json")...) {
		if status, text, _ := ask(t, s, "GET", path, nil); status != 429 && text != "ok" {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	for range 3 {
		if status, _, _ := ask(t, s, "GET", "/healthz", nil); status != 200 {
			t.Fatalf("the operator is limited: %d", status)
		}
	}
}
