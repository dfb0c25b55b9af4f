package main

import (
	"net/http"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/organization"
	"zhiping/infra/identity"
)

// hospital is a unit on the other side of the tree.
const hospital = "91350100M000100Y43"

// actor is an account of the world as the policy table sees it, and its session.
type actor struct {
	*caller
	domain.Actor
	name string
}

// world is two sides of a tree, an officer of every organization, a submitted and an unsubmitted declaration on one
// side, and somebody who waits for another unit.
type world struct {
	t      *testing.T
	s      *server
	actors []*actor

	submitted, draft, waiting access.Resource
	submittedID, draftID      string
	attachment, draftFile     string
	paths                     map[string]any
	schemas                   map[string]any
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s, _ := inside(t)
	w := &world{t: t, s: s}
	w.grow()
	d := definitionOf(t, "grade3.assessment")
	one, two := w.actor("applicant"), w.actor("applicant other")
	bind(one.caller, w.actor("unit").caller, university)
	two.want(http.StatusCreated, "", "POST", "/bindings", map[string]any{"uscc": company})
	w.submittedID = begin(one.caller, d)
	complete(one.caller, d, w.submittedID)
	form := one.want(http.StatusOK, "", "POST", "/declarations/"+w.submittedID+"/submit", map[string]any{"commitment": true})
	w.attachment, _ = form.items("attachments")[0]["id"].(string)
	drafted := definitionOf(t, "grade2.assessment")
	w.draftID = begin(one.caller, drafted)
	complete(one.caller, drafted, w.draftID)
	w.draftFile, _ = one.want(http.StatusOK, "", "GET", "/declarations/"+w.draftID, nil).items("attachments")[0]["id"].(string)
	w.draft = access.Resource{Applicant: one.ID, Unit: university, Department: demoDepartment.ID}
	w.submitted = w.draft
	for _, st := range d.Route {
		holder := map[string]string{"unit": university, "department": demoDepartment.ID, "bureau": demoBureau.ID, "committee": demoCommittee.ID}[st.Kind]
		w.submitted.Reviewers = append(w.submitted.Reviewers, holder)
	}
	w.waiting = access.Resource{Applicant: two.ID, Unit: company}
	w.read()
	return w
}

// read takes the published contract in.
func (w *world) read() {
	w.t.Helper()
	document := (&caller{s: w.s}).want(http.StatusOK, "", "GET", "/openapi.json", nil)
	w.paths, _ = document.body["paths"].(map[string]any)
	components, _ := document.body["components"].(map[string]any)
	w.schemas, _ = components["schemas"].(map[string]any)
}

// grow makes the other side of the tree and signs everybody in.
func (w *world) grow() {
	w.t.Helper()
	for _, account := range []string{"applicant", "unit", "department", "bureau", "committee", "auditor", "analyst", "admin"} {
		w.enter(account, account)
	}
	w.enter("applicant other", "applicant2")
	w.enter("unit beside", "unit2")
	accounts, err := identity.Open(w.t.Context(), identity.Config{Path: filepath.Join(w.s.data, "identity.sqlite")})
	if err != nil {
		w.t.Fatal(err)
	}
	defer accounts.Close() //nolint:errcheck // a test's
	admin := w.actor("admin")
	for _, o := range []struct {
		kind       organization.Kind
		id, parent string
	}{
		{organization.KindBureau, "b2", ""}, {organization.KindDepartment, "d2", "b2"},
		{organization.KindCommittee, "c2", "b2"}, {organization.KindUnit, hospital, "d2"},
	} {
		login := string(o.kind) + "-other"
		if _, err := accounts.EnsureAccount(w.t.Context(), identity.Account{Login: login, Name: "另一" + login}, demoPassword); err != nil {
			w.t.Fatal(err)
		}
		admin.want(http.StatusCreated, "", "POST", "/organizations", map[string]any{"id": o.id, "name": "另一" + o.id, "kind": o.kind, "parent": o.parent})
		admin.want(http.StatusOK, "", "POST", "/organizations/"+o.id+"/officers", map[string]any{"account": login})
		w.enter(string(o.kind)+" other", login)
	}
}

// below is the tree as the world has it.
var below = map[string][]string{
	demoBureau.ID: {demoDepartment.ID, demoCommittee.ID, university, company}, demoDepartment.ID: {university, company},
	"b2": {"d2", "c2", hospital}, "d2": {hospital},
}

func (w *world) enter(name, account string) {
	w.t.Helper()
	a := &actor{caller: w.s.as(account), name: name}
	me := a.want(http.StatusOK, "", "GET", "/me", nil)
	a.ID = me.str("id")
	a.Organization = domain.Organization{ID: me.str("organization", "id")}
	a.Within = below[a.Organization.ID]
	for _, r := range roles(a.caller) {
		a.Roles = append(a.Roles, domain.Role(r))
	}
	w.actors = append(w.actors, a)
}

func (w *world) actor(name string) *actor {
	w.t.Helper()
	for _, a := range w.actors {
		if a.name == name {
			return a
		}
	}
	w.t.Fatalf("nobody is called %s", name)
	return nil
}

// operation is a route of the published contract.
type operation struct {
	name, method, path string
	action             access.Action
	body               map[string]any // schema of a JSON body; nil for none
	form               bool           // a multipart body
}

func (w *world) routes() (all []operation) {
	for path, methods := range w.paths {
		operations, _ := methods.(map[string]any)
		for method, v := range operations {
			op, _ := v.(map[string]any)
			action, published := op["x-action"].(string)
			r := operation{method: strings.ToUpper(method), path: strings.TrimPrefix(path, "/api/v1"), action: access.Action(action)}
			r.name = r.method + " " + r.path
			if !published {
				w.t.Errorf("%s publishes no action", r.name)
			}
			body, _ := op["requestBody"].(map[string]any)
			content, _ := body["content"].(map[string]any)
			_, r.form = content["multipart/form-data"]
			for media, m := range content {
				if strings.HasPrefix(media, "application/json") {
					r.body, _ = m.(map[string]any)["schema"].(map[string]any)
				}
			}
			all = append(all, r)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].name < all[j].name })
	return all
}

// resourceCase is a route asked for one resource of the world.
type resourceCase struct {
	path     string
	body     any
	header   []string
	resource access.Resource
	anything bool  // no resource: whoever may try, may
	missing  []int // statuses that an allowed caller may get although they look like a refusal
}

// nowhere is the id of nothing.
const nowhere = "00000000-0000-4000-8000-000000000003"

// cases are the resources that a route is asked for: by what its path begins with.
func (w *world) cases(r operation) []resourceCase {
	base := resourceCase{path: r.path}
	switch {
	case r.form:
		base.body, base.header = []byte("--x\r\nContent-Disposition: form-data; name=\"slot\"\r\n\r\nnowhere\r\n"+
			"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\n\r\nx\r\n--x--\r\n"), []string{"Content-Type", "multipart/form-data; boundary=x"}
	case r.body != nil:
		base.body = w.sample(r, r.body)
	}
	fill := func(resource access.Resource, names ...string) resourceCase {
		c := base
		c.path, c.resource = strings.NewReplacer(names...).Replace(r.path), resource
		return c
	}
	switch p := r.path; {
	case p == "/worklist" || p == "/worklist/export":
		elsewhere := fill(access.Resource{Organization: university})
		elsewhere.path += "?organization=" + university
		base.anything = true
		return []resourceCase{base, elsewhere}
	case p == "/bindings" && r.method == http.MethodGet:
		elsewhere := fill(access.Resource{Unit: company})
		elsewhere.path += "?unit=" + company
		base.anything = true
		return []resourceCase{base, elsewhere}
	case p == "/units" && r.method == http.MethodPost:
		return []resourceCase{fill(access.Resource{Unit: hospital})}
	case strings.HasPrefix(p, "/units/{uscc}"):
		return []resourceCase{fill(access.Resource{Unit: university, Department: demoDepartment.ID}, "{uscc}", university)}
	case strings.HasPrefix(p, "/bindings/{applicantId}"):
		return []resourceCase{fill(w.waiting, "{applicantId}", w.waiting.Applicant)}
	case strings.HasPrefix(p, "/notices/{id}"), strings.HasPrefix(p, "/stats/notices/{id}"):
		return []resourceCase{fill(access.Resource{Organization: demoBureau.ID}, "{id}", demoNoticeID("title.regular").String())}
	case strings.HasPrefix(p, "/organizations/{id}"):
		return []resourceCase{fill(access.Resource{Organization: university}, "{id}", university, "{account}", "nobody")}
	case strings.HasPrefix(p, "/accounts/{id}"):
		return []resourceCase{fill(access.Resource{}, "{id}", w.actor("auditor").ID, "{role}", "auditor")}
	case strings.HasPrefix(p, "/declarations/{id}"):
		return []resourceCase{
			fill(w.submitted, "{id}", w.submittedID, "{aid}", w.attachment, "{rid}", nowhere, "{module}", "basic"),
			fill(w.draft, "{id}", w.draftID, "{aid}", w.draftFile, "{rid}", nowhere, "{module}", "basic"),
		}
	case r.action == "anyone":
		base.path = strings.NewReplacer("{id}", nowhere, "{ticket}", nowhere).Replace(p)
		base.missing = []int{http.StatusNotFound}
		return []resourceCase{base}
	case !strings.Contains(p, "{"):
		base.anything = true
		return []resourceCase{base}
	}
	return nil
}
