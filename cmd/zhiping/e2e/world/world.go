package world

import (
	"net/http"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"zhiping/cmd/zhiping/internal/demo"
	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/organization"
	"zhiping/infra/identity"
)

// Hospital is a unit on the other side of the tree.
const Hospital = "91350100M000100Y43"

// Actor is an account of the world as the policy table sees it, and its session.
type Actor struct {
	*Caller
	domain.Actor
	Name string
}

// World is two sides of a tree, an officer of every organization, a submitted and an unsubmitted declaration on one
// side, and somebody who waits for another unit.
type World struct {
	T      *testing.T
	Server *Server
	Actors []*Actor

	Submitted, draft, waiting access.Resource
	SubmittedID, DraftID      string
	attachment, draftFile     string
	paths                     map[string]any
	schemas                   map[string]any
}

func New(t *testing.T) *World {
	t.Helper()
	s, _ := StartInProcess(t)
	w := &World{T: t, Server: s}
	w.addSecondTree()
	d := Definition(t, "grade3.assessment")
	one, two := w.Actor("applicant"), w.Actor("applicant other")
	Bind(one.Caller, w.Actor("unit").Caller, University)
	two.Want(http.StatusCreated, "", "POST", "/bindings", map[string]any{"uscc": Company})
	w.SubmittedID = StartDeclaration(one.Caller, d)
	FillIn(one.Caller, d, w.SubmittedID)
	form := one.Want(http.StatusOK, "", "POST", "/declarations/"+w.SubmittedID+"/submit", map[string]any{"commitment": true})
	w.attachment, _ = form.Items("attachments")[0]["id"].(string)
	drafted := Definition(t, "grade2.assessment")
	w.DraftID = StartDeclaration(one.Caller, drafted)
	FillIn(one.Caller, drafted, w.DraftID)
	w.draftFile, _ = one.Want(http.StatusOK, "", "GET", "/declarations/"+w.DraftID, nil).Items("attachments")[0]["id"].(string)
	w.draft = access.Resource{Applicant: one.ID, Unit: University, Department: demo.Department.ID}
	w.Submitted = w.draft
	for _, st := range d.Route {
		holder := map[string]string{"unit": University, "department": demo.Department.ID, "bureau": demo.Bureau.ID, "committee": demo.Committee.ID}[st.Kind]
		w.Submitted.Reviewers = append(w.Submitted.Reviewers, holder)
	}
	w.waiting = access.Resource{Applicant: two.ID, Unit: Company}
	w.ReadContract()
	return w
}

// ReadContract takes the published contract in.
func (w *World) ReadContract() {
	w.T.Helper()
	document := (&Caller{Server: w.Server}).Want(http.StatusOK, "", "GET", "/openapi.json", nil)
	w.paths, _ = document.Body["paths"].(map[string]any)
	components, _ := document.Body["components"].(map[string]any)
	w.schemas, _ = components["schemas"].(map[string]any)
}

// addSecondTree makes the other side of the tree and signs everybody in.
func (w *World) addSecondTree() {
	w.T.Helper()
	for _, account := range []string{"applicant", "unit", "department", "bureau", "committee", "auditor", "analyst", "admin"} {
		w.addActor(account, account)
	}
	w.addActor("applicant other", "applicant2")
	w.addActor("unit beside", "unit2")
	accounts, err := identity.Open(w.T.Context(), identity.Config{Path: filepath.Join(w.Server.Data, "identity.sqlite")})
	if err != nil {
		w.T.Fatal(err)
	}
	defer accounts.Close() //nolint:errcheck // a test's
	admin := w.Actor("admin")
	for _, o := range []struct {
		kind       organization.Kind
		id, parent string
	}{
		{organization.KindBureau, "b2", ""}, {organization.KindDepartment, "d2", "b2"},
		{organization.KindCommittee, "c2", "b2"}, {organization.KindUnit, Hospital, "d2"},
	} {
		login := string(o.kind) + "-other"
		if _, err := accounts.EnsureAccount(w.T.Context(), identity.Account{Login: login, Name: "另一" + login}, demo.Password); err != nil {
			w.T.Fatal(err)
		}
		admin.Want(http.StatusCreated, "", "POST", "/organizations", map[string]any{"id": o.id, "name": "另一" + o.id, "kind": o.kind, "parent": o.parent})
		admin.Want(http.StatusOK, "", "POST", "/organizations/"+o.id+"/officers", map[string]any{"account": login})
		w.addActor(string(o.kind)+" other", login)
	}
}

// subtree is the tree as the world has it.
var subtree = map[string][]string{
	demo.Bureau.ID: {demo.Department.ID, demo.Committee.ID, University, Company}, demo.Department.ID: {University, Company},
	"b2": {"d2", "c2", Hospital}, "d2": {Hospital},
}

func (w *World) addActor(name, account string) {
	w.T.Helper()
	a := &Actor{Caller: w.Server.As(account), Name: name}
	me := a.Want(http.StatusOK, "", "GET", "/me", nil)
	a.ID = me.Str("id")
	a.Organization = domain.Organization{ID: me.Str("organization", "id")}
	a.Within = subtree[a.Organization.ID]
	for _, r := range Roles(a.Caller) {
		a.Roles = append(a.Roles, domain.Role(r))
	}
	w.Actors = append(w.Actors, a)
}

func (w *World) Actor(name string) *Actor {
	w.T.Helper()
	for _, a := range w.Actors {
		if a.Name == name {
			return a
		}
	}
	w.T.Fatalf("nobody is called %s", name)
	return nil
}

// Operation is a route of the published contract.
type Operation struct {
	Name, Method, Path string
	Action             access.Action
	body               map[string]any // schema of a JSON body; nil for none
	form               bool           // a multipart body
}

func (w *World) Routes() (all []Operation) {
	for path, methods := range w.paths {
		operations, _ := methods.(map[string]any)
		for method, v := range operations {
			op, _ := v.(map[string]any)
			action, published := op["x-action"].(string)
			r := Operation{Method: strings.ToUpper(method), Path: strings.TrimPrefix(path, "/api/v1"), Action: access.Action(action)}
			r.Name = r.Method + " " + r.Path
			if !published {
				w.T.Errorf("%s publishes no action", r.Name)
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
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}

// ResourceCase is a route asked for one resource of the world.
type ResourceCase struct {
	Path     string
	Body     any
	Header   []string
	Resource access.Resource
	Anything bool  // no resource: whoever may try, may
	Missing  []int // statuses that an allowed caller may get although they look like a refusal
}

// MissingID is the id of nothing.
const MissingID = "00000000-0000-4000-8000-000000000003"

// Cases are the resources that a route is asked for: by what its path begins with.
func (w *World) Cases(r Operation) []ResourceCase {
	base := ResourceCase{Path: r.Path}
	switch {
	case r.form:
		base.Body, base.Header = []byte("--x\r\nContent-Disposition: form-data; name=\"slot\"\r\n\r\nnowhere\r\n"+
			"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\n\r\nx\r\n--x--\r\n"), []string{"Content-Type", "multipart/form-data; boundary=x"}
	case r.body != nil:
		base.Body = w.sample(r, r.body)
	}
	fill := func(resource access.Resource, names ...string) ResourceCase {
		c := base
		c.Path, c.Resource = strings.NewReplacer(names...).Replace(r.Path), resource
		return c
	}
	switch p := r.Path; {
	case p == "/worklist" || p == "/worklist/export":
		elsewhere := fill(access.Resource{Organization: University})
		elsewhere.Path += "?organization=" + University
		base.Anything = true
		return []ResourceCase{base, elsewhere}
	case p == "/bindings" && r.Method == http.MethodGet:
		elsewhere := fill(access.Resource{Unit: Company})
		elsewhere.Path += "?unit=" + Company
		base.Anything = true
		return []ResourceCase{base, elsewhere}
	case p == "/units" && r.Method == http.MethodPost:
		return []ResourceCase{fill(access.Resource{Unit: Hospital})}
	case strings.HasPrefix(p, "/units/{uscc}"):
		return []ResourceCase{fill(access.Resource{Unit: University, Department: demo.Department.ID}, "{uscc}", University)}
	case strings.HasPrefix(p, "/bindings/{applicantId}"):
		return []ResourceCase{fill(w.waiting, "{applicantId}", w.waiting.Applicant)}
	case strings.HasPrefix(p, "/notices/{id}"), strings.HasPrefix(p, "/stats/notices/{id}"):
		return []ResourceCase{fill(access.Resource{Organization: demo.Bureau.ID}, "{id}", demo.NoticeID("title.regular").String())}
	case strings.HasPrefix(p, "/organizations/{id}"):
		return []ResourceCase{fill(access.Resource{Organization: University}, "{id}", University, "{account}", "nobody")}
	case strings.HasPrefix(p, "/accounts/{id}"):
		return []ResourceCase{fill(access.Resource{}, "{id}", w.Actor("auditor").ID, "{role}", "auditor")}
	case strings.HasPrefix(p, "/declarations/{id}"):
		return []ResourceCase{
			fill(w.Submitted, "{id}", w.SubmittedID, "{aid}", w.attachment, "{rid}", MissingID, "{module}", "basic"),
			fill(w.draft, "{id}", w.DraftID, "{aid}", w.draftFile, "{rid}", MissingID, "{module}", "basic"),
		}
	case r.Action == "anyone":
		base.Path = strings.NewReplacer("{id}", MissingID, "{ticket}", MissingID).Replace(p)
		base.Missing = []int{http.StatusNotFound}
		return []ResourceCase{base}
	case !strings.Contains(p, "{"):
		base.Anything = true
		return []ResourceCase{base}
	}
	return nil
}
