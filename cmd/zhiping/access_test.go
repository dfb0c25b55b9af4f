package main

import (
	"context"
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
	w := newWorld(t)
	t.Run("every route follows the policy table", w.followsThePolicyTable)
	t.Run("lists show only what the caller may see", w.listsShowWhatMayBeSeen)
	t.Run("a bureau's notices are its own", w.noticesAreTheirBureaus)
}

// Every route of the published contract × every role × both sides of the tree: what the policy table denies is
// refused, and what it allows is not, for resources that are the caller's own and for those that are not. A route
// without a row, or on a resource that the world does not have, fails.
func (w *world) followsThePolicyTable(t *testing.T) {
	walked := 0
	for _, r := range w.guarded(t, public) {
		cases := w.cases(r)
		if len(cases) == 0 {
			t.Errorf("%s: the world has no resource for it", r.name)
		}
		for _, c := range cases {
			walked++
			w.check(t, r, c)
		}
	}
	if walked < 70 {
		t.Fatalf("only %d cases", walked)
	}
}

// guarded are the routes for which somebody must be signed in. Those for which nobody need be are among the named ones,
// and all others have a row.
func (w *world) guarded(t *testing.T, open []string) (all []operation) {
	t.Helper()
	for _, r := range w.routes() {
		_, row := access.Policy[r.action]
		switch {
		case r.action == "":
			if !slices.Contains(open, r.name) {
				t.Errorf("%s needs nobody to be signed in, and is not among those that should", r.name)
			}
		case r.action == "anyone" && !slices.Contains(everybodys, r.name):
			t.Errorf("%s is everybody's, and is not among those that should", r.name)
		case !row && r.action != "anyone":
			t.Errorf("%s: no row for %q", r.name, r.action)
		case unwalked[r.name] == "":
			all = append(all, r)
		}
	}
	return all
}

// status asks and looks at nothing but the status.
func (c *caller) status(r operation, path string, body any, header ...string) int {
	c.s.t.Helper()
	if r.name != endless {
		return c.do(r.method, path, body, header...).status
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, c.s.url+"/api/v1"+path, nil)
	if err != nil {
		c.s.t.Fatal(err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	return res.StatusCode
}

// check asks as everybody, and as nobody.
func (w *world) check(t *testing.T, r operation, c resourceCase) {
	t.Helper()
	ask := func(by *caller) int {
		header := slices.Clone(c.header)
		if r.method != http.MethodGet {
			header = append(header, "If-Match", stale)
		}
		return by.status(r, c.path, c.body, header...)
	}
	if got := ask(&caller{s: w.s}); got != http.StatusUnauthorized {
		t.Errorf("%s %s without signing in: %d", r.method, c.path, got)
	}
	for _, a := range w.actors {
		may := r.action == "anyone" || access.Allowed(a.Actor, r.action, c.resource)
		if c.anything { // a list of what the caller may see, or something that is made by asking
			may = r.action == "anyone" || access.MayTry(a.Actor, r.action)
		}
		got := ask(a.caller)
		// A request that is none of the officer's is answered like none at all: nothing is waiting.
		nothing := got == http.StatusConflict && (r.action == "ApproveBinding" || r.action == "RejectBinding")
		denied := got == http.StatusForbidden || got == http.StatusNotFound && !c.anything || nothing
		switch {
		case got >= 500 || got == http.StatusUnauthorized:
			t.Errorf("%s %s as %s: %d", r.method, c.path, a.name, got)
		case may && denied && !slices.Contains(c.missing, got):
			t.Errorf("%s %s as %s: %d, though the policy allows %s", r.method, c.path, a.name, got, r.action)
		case !may && !denied:
			t.Errorf("%s %s as %s: %d, though the policy denies %s", r.method, c.path, a.name, got, r.action)
		case r.action != "anyone" && !access.MayTry(a.Actor, r.action) && got != http.StatusForbidden:
			t.Errorf("%s %s as %s: %d to a role without a row", r.method, c.path, a.name, got)
		}
	}
}

// Lists hold what the caller may see, and nothing else.
func (w *world) listsShowWhatMayBeSeen(t *testing.T) {
	for _, a := range w.actors {
		own := a.Organization.ID
		for path, see := range map[string]bool{
			"/declarations": a.Has(domain.Applicant) && a.ID == w.submitted.Applicant,
			"/worklist":     own == university,
			"/organizations/" + own + "/declarations": own == university || own == demoDepartment.ID || own == demoBureau.ID || own == demoCommittee.ID,
			"/bindings?status=bound":                  own == university,
			"/bindings?status=pending":                own == company,
			"/units?status=approved":                  own == demoDepartment.ID || own == demoBureau.ID || a.Has(domain.Auditor) || a.Has(domain.Admin),
		} {
			got := a.do("GET", path, nil)
			shown := got.status == http.StatusOK && len(got.items("items")) > 0
			if shown != see {
				t.Errorf("%s as %s: %d %.300s, should show something: %v", path, a.name, got.status, got.raw, see)
			}
		}
		if body := string(a.do("GET", "/organizations/"+own+"/declarations", nil).raw); strings.Contains(body, w.draftID) {
			t.Errorf("%s sees a draft", a.name)
		}
		feed := a.do("GET", "/events?limit=200", nil)
		if a.Has(domain.Analyst) && (feed.status != http.StatusOK || strings.Contains(string(feed.raw), "王小明") || strings.Contains(string(feed.raw), "李小红")) {
			t.Errorf("the analyst's feed: %d", feed.status)
		}
	}
	// One of several decided at once: each is judged by itself.
	many := map[string]any{"ids": []string{w.submittedID}}
	for _, name := range []string{"unit other", "department other", "bureau", "committee"} {
		items := w.actor(name).want(http.StatusOK, "", "POST", "/worklist/approve", many).items("items")
		if len(items) != 1 || items[0]["ok"] != false {
			t.Errorf("%s approved what is not theirs: %v", name, items)
		}
	}
}

// A bureau drafts for itself and those below it, and sees no other's drafts.
func (w *world) noticesAreTheirBureaus(t *testing.T) {
	own, other, admin := w.actor("bureau"), w.actor("bureau other"), w.actor("admin")
	content := func(bureau string) map[string]any {
		body := map[string]any{"type": "title.regular", "title": "职称申报通知", "year": 2031, "opensAt": "2031-01-01T00:00:00Z",
			"closesAt": "2031-06-01T00:00:00Z", "instructions": "", "committee": map[string]any{"id": demoCommittee.ID, "name": "评委会"}}
		if bureau != "" {
			body["bureau"] = map[string]any{"id": bureau, "name": "人社部门"}
		}
		return body
	}
	id := own.want(http.StatusCreated, "", "POST", "/notices", content("")).str("id")
	other.want(http.StatusForbidden, "forbidden", "POST", "/notices", content(demoBureau.ID))
	own.want(http.StatusForbidden, "forbidden", "PUT", "/notices/"+id, content("b2"))
	other.want(http.StatusNotFound, "notice_not_found", "PUT", "/notices/"+id, content("b2"))
	other.want(http.StatusNotFound, "notice_not_found", "POST", "/notices/"+id+"/publish", nil)
	for _, path := range []string{"/notices/" + id, "/stats/notices/" + id} {
		own.want(http.StatusOK, "", "GET", path, nil)
		admin.want(http.StatusOK, "", "GET", path, nil)
		other.want(http.StatusNotFound, "", "GET", path, nil)
	}
	if list := string(other.want(http.StatusOK, "", "GET", "/notices?type=title.regular&limit=200", nil).raw); strings.Contains(list, id) {
		t.Fatal("another bureau's draft is listed")
	}
	if list := string(own.want(http.StatusOK, "", "GET", "/notices?type=title.regular&limit=200", nil).raw); !strings.Contains(list, id) {
		t.Fatal("the bureau's own draft is not listed")
	}
}
