package e2e

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/cmd/zhiping/internal/demo"
	"zhiping/domain"
	"zhiping/domain/access"
)

// public are the routes for which nobody must be signed in.
var public = []string{
	"POST /auth/login", "POST /auth/captcha", "POST /auth/codes", "POST /auth/register", "POST /auth/password/reset",
	"POST /auth/qr", "GET /auth/qr/{ticket}", "GET /auth/methods",
}

// everybodys are the routes for which it is enough to be signed in: the policy table knows nothing of them.
var everybodys = []string{"POST /auth/logout", "GET /me", "GET /auth/sessions", "DELETE /auth/sessions", "DELETE /auth/sessions/{id}", "POST /me/password", "POST /auth/qr/{ticket}/scan", "POST /auth/qr/{ticket}/confirm"}

// elsewhere are those where people sign in at an OpenID provider.
var elsewhere = []string{"GET /auth/methods", "GET /auth/openid", "GET /auth/openid/callback", "POST /auth/openid/logout"}

// unwalked are the routes that the walk leaves out, with why.
var unwalked = map[string]string{"POST /auth/logout": "ends the test's own sessions"}

// endless answers its status, and then goes on for ever.
const endless = "GET /events/stream"

// stale makes every command that passes the policy fail before it changes anything.
const stale = `"999999999"`

// One world for all that is asked of the policy table over HTTP.
func TestAccess(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	t.Run("every route follows the policy table", func(t *testing.T) { followsThePolicyTable(t, w) })
	t.Run("lists show only what the caller may see", func(t *testing.T) { listsShowWhatMayBeSeen(t, w) })
	t.Run("a bureau's notices are its own", func(t *testing.T) { noticesAreTheirBureaus(t, w) })
}

// Every route of the published contract × every role × both sides of the tree: what the policy table denies is
// refused, and what it allows is not, for resources that are the caller's own and for those that are not. A route
// without a row, or on a resource that the world does not have, fails.
func followsThePolicyTable(t *testing.T, w *world.World) {
	walked := 0
	for _, r := range guarded(t, w, public) {
		cases := w.Cases(r)
		if len(cases) == 0 {
			t.Errorf("%s: the world has no resource for it", r.Name)
		}
		for _, c := range cases {
			walked++
			check(t, w, r, c)
		}
	}
	if walked < 70 {
		t.Fatalf("only %d cases", walked)
	}
}

// guarded are the routes for which somebody must be signed in. Those for which nobody need be are among the named ones,
// and all others have a row.
func guarded(t *testing.T, w *world.World, open []string) (all []world.Operation) {
	t.Helper()
	for _, r := range w.Routes() {
		_, row := access.Policy[r.Action]
		switch {
		case r.Action == "":
			if !slices.Contains(open, r.Name) {
				t.Errorf("%s needs nobody to be signed in, and is not among those that should", r.Name)
			}
		case r.Action == "anyone" && !slices.Contains(everybodys, r.Name):
			t.Errorf("%s is everybody's, and is not among those that should", r.Name)
		case !row && r.Action != "anyone":
			t.Errorf("%s: no row for %q", r.Name, r.Action)
		case unwalked[r.Name] == "":
			all = append(all, r)
		}
	}
	return all
}

// statusOf asks and looks at nothing but the status.
func statusOf(c *world.Caller, r world.Operation, path string, body any, header ...string) int {
	c.Server.T.Helper()
	if r.Name != endless {
		return c.Do(r.Method, path, body, header...).Status
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.Method, c.Server.URL+"/api/v1"+path, nil)
	if err != nil {
		c.Server.T.Fatal(err)
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.Server.T.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	return res.StatusCode
}

// check asks as everybody, and as nobody.
func check(t *testing.T, w *world.World, r world.Operation, c world.ResourceCase) {
	t.Helper()
	ask := func(by *world.Caller) int {
		header := slices.Clone(c.Header)
		if r.Method != http.MethodGet {
			header = append(header, "If-Match", stale)
		}
		return statusOf(by, r, c.Path, c.Body, header...)
	}
	if got := ask(&world.Caller{Server: w.Server}); got != http.StatusUnauthorized {
		t.Errorf("%s %s without signing in: %d", r.Method, c.Path, got)
	}
	for _, a := range w.Actors {
		may := r.Action == "anyone" || access.Allowed(a.Actor, r.Action, c.Resource)
		if c.Anything { // a list of what the caller may see, or something that is made by asking
			may = r.Action == "anyone" || access.MayTry(a.Actor, r.Action)
		}
		got := ask(a.Caller)
		denied := got == http.StatusForbidden || got == http.StatusNotFound && !c.Anything
		switch {
		case got >= 500 || got == http.StatusUnauthorized:
			t.Errorf("%s %s as %s: %d", r.Method, c.Path, a.Name, got)
		case may && denied && !slices.Contains(c.Missing, got):
			t.Errorf("%s %s as %s: %d, though the policy allows %s", r.Method, c.Path, a.Name, got, r.Action)
		case !may && !denied:
			t.Errorf("%s %s as %s: %d, though the policy denies %s", r.Method, c.Path, a.Name, got, r.Action)
		case r.Action != "anyone" && !access.MayTry(a.Actor, r.Action) && got != http.StatusForbidden:
			t.Errorf("%s %s as %s: %d to a role without a row", r.Method, c.Path, a.Name, got)
		}
	}
}

// Lists hold what the caller may see, and nothing else.
func listsShowWhatMayBeSeen(t *testing.T, w *world.World) {
	for _, a := range w.Actors {
		own := a.Organization.ID
		for path, see := range map[string]bool{
			"/declarations": a.Has(domain.Applicant) && a.ID == w.Submitted.Applicant,
			"/worklist":     own == world.University,
			"/organizations/" + own + "/declarations": own == world.University || own == demo.Department.ID || own == demo.Bureau.ID || own == demo.Committee.ID,
			"/bindings?status=bound":                  own == world.University,
			"/bindings?status=pending":                own == world.Company,
			"/units?status=approved":                  own == demo.Department.ID || own == demo.Bureau.ID || a.Has(domain.Auditor) || a.Has(domain.Admin),
		} {
			got := a.Do("GET", path, nil)
			shown := got.Status == http.StatusOK && len(got.Items("items")) > 0
			if shown != see {
				t.Errorf("%s as %s: %d %.300s, should show something: %v", path, a.Name, got.Status, got.Raw, see)
			}
		}
		if body := string(a.Do("GET", "/organizations/"+own+"/declarations", nil).Raw); strings.Contains(body, w.DraftID) {
			t.Errorf("%s sees a draft", a.Name)
		}
		feed := a.Do("GET", "/events?limit=200", nil)
		if a.Has(domain.Analyst) && (feed.Status != http.StatusOK || strings.Contains(string(feed.Raw), "王小明") || strings.Contains(string(feed.Raw), "李小红")) {
			t.Errorf("the analyst's feed: %d", feed.Status)
		}
	}
	// One of several decided at once: each is judged by itself.
	many := map[string]any{"ids": []string{w.SubmittedID}}
	for _, name := range []string{"unit other", "department other", "bureau", "committee"} {
		items := w.Actor(name).Want(http.StatusOK, "", "POST", "/worklist/approve", many).Items("items")
		if len(items) != 1 || items[0]["ok"] != false {
			t.Errorf("%s approved what is not theirs: %v", name, items)
		}
	}
}

// A bureau drafts for itself and those below it, and sees no other's drafts.
func noticesAreTheirBureaus(t *testing.T, w *world.World) {
	own, other, admin := w.Actor("bureau"), w.Actor("bureau other"), w.Actor("admin")
	content := func(bureau string) map[string]any {
		body := map[string]any{"type": "title.regular", "title": "职称申报通知", "year": 2031, "opensAt": "2031-01-01T00:00:00Z",
			"closesAt": "2031-06-01T00:00:00Z", "instructions": "", "committee": map[string]any{"id": demo.Committee.ID, "name": "评委会"}}
		if bureau != "" {
			body["bureau"] = map[string]any{"id": bureau, "name": "人社部门"}
		}
		return body
	}
	id := own.Want(http.StatusCreated, "", "POST", "/notices", content("")).Str("id")
	other.Want(http.StatusForbidden, "forbidden", "POST", "/notices", content(demo.Bureau.ID))
	own.Want(http.StatusForbidden, "forbidden", "PUT", "/notices/"+id, content("b2"))
	other.Want(http.StatusNotFound, "notice_not_found", "PUT", "/notices/"+id, content("b2"))
	other.Want(http.StatusNotFound, "notice_not_found", "POST", "/notices/"+id+"/publish", nil)
	for _, path := range []string{"/notices/" + id, "/stats/notices/" + id} {
		own.Want(http.StatusOK, "", "GET", path, nil)
		admin.Want(http.StatusOK, "", "GET", path, nil)
		other.Want(http.StatusNotFound, "", "GET", path, nil)
	}
	if list := string(other.Want(http.StatusOK, "", "GET", "/notices?type=title.regular&limit=200", nil).Raw); strings.Contains(list, id) {
		t.Fatal("another bureau's draft is listed")
	}
	if list := string(own.Want(http.StatusOK, "", "GET", "/notices?type=title.regular&limit=200", nil).Raw); !strings.Contains(list, id) {
		t.Fatal("the bureau's own draft is not listed")
	}
}
