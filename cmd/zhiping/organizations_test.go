package main

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// inside serves the demo from this process with a clock that the test moves on, and answers how.
func inside(t testing.TB) (s *server, pass func(time.Duration)) {
	t.Helper()
	var ahead atomic.Int64
	s = &server{t: t, data: t.TempDir(), log: &safeBuffer{}}
	address, done := make(chan string, 1), make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	serve := &serveCmd{Addr: "127.0.0.1:0", Data: s.data, Demo: true, Log: "error", Roles: "all",
		clock:     func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		listening: func(a string) { address <- a }}
	go func() { done <- serve.Run(ctx, io.Discard) }()
	t.Cleanup(func() {
		stop()
		http.DefaultClient.CloseIdleConnections() // else the server waits for them to end
		if err := <-done; err != nil {
			t.Errorf("the server ended: %v", err)
		}
	})
	select {
	case a := <-address:
		s.url = "http://" + a
	case err := <-done:
		done <- nil
		t.Fatal(err)
	}
	return s, func(d time.Duration) { ahead.Add(int64(d)) }
}

// member registers a new account by its phone and signs it in.
func member(s *server, phone, name, idNumber string) *caller {
	s.t.Helper()
	nobody := &caller{s: s}
	nobody.want(202, "", "POST", "/auth/codes", map[string]any{"phone": phone, "purpose": "register"})
	const password = "correct horse 电池"
	nobody.want(201, "", "POST", "/auth/register", map[string]any{"phone": phone, "code": s.sentCode(phone),
		"password": password, "name": name, "idNumber": idNumber})
	in := nobody.want(200, "", "POST", "/auth/login", map[string]any{"account": phone, "password": password})
	return &caller{s: s, token: in.str("accessToken")}
}

func roles(c *caller) []string {
	c.s.t.Helper()
	list, _ := c.want(200, "", "GET", "/me", nil).body["roles"].([]any)
	out := make([]string, 0, len(list))
	for _, r := range list {
		s, _ := r.(string)
		out = append(out, s)
	}
	return out
}

// The manual's 推荐单位已经在系统中注册, from nothing: an admin builds the tree and appoints officers, the unit
// registers, its department approves, and people bind to it.
func TestAnAdminBuildsTheTreeAndAppointsOfficers(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--demo")
	admin, person, auditor, other := s.as("admin"), s.as("applicant"), s.as("auditor"), s.as("department")
	const uscc, phone = "91350100M000100Y43", "13900000002"
	officer, head := member(s, phone, "钱经办", "22010219010101003X"), s.as("applicant2")

	department := map[string]any{"id": "health", "name": "省卫健委", "kind": "department", "parent": "demo-bureau"}
	made := admin.want(201, "", "POST", "/organizations", department, "Idempotency-Key", "health")
	again := admin.want(201, "", "POST", "/organizations", department, "Idempotency-Key", "health")
	if string(made.raw) != string(again.raw) || made.header.Get("ETag") != `"0"` || !strings.HasSuffix(made.header.Get("Location"), "/organizations/health") {
		t.Fatalf("%s %s %v", made.raw, again.raw, made.header)
	}
	admin.want(409, "organization_exists", "POST", "/organizations", department)
	admin.want(422, "organization_parent", "POST", "/organizations", map[string]any{"name": "某评委会", "kind": "committee", "parent": "nowhere"})
	admin.want(422, "invalid", "POST", "/organizations", map[string]any{"name": "某单位", "kind": "unit", "parent": "health"})
	admin.want(201, "", "POST", "/organizations", map[string]any{"id": uscc, "name": "示范医院", "kind": "unit", "parent": "health"})
	other.want(403, "forbidden", "POST", "/organizations", department)
	renamed := admin.want(200, "", "PUT", "/organizations/health", map[string]any{"name": "省卫生健康委"}, "If-Match", `"0"`)
	admin.want(412, "stale_revision", "PUT", "/organizations/health", map[string]any{"name": "另一名称"}, "If-Match", `"0"`)
	if renamed.str("name") != "省卫生健康委" || admin.want(200, "", "GET", "/organizations/health", nil).str("name") != "省卫生健康委" {
		t.Fatalf("%s", renamed.raw)
	}
	var names []string
	for _, o := range other.want(200, "", "GET", "/organizations?parent=demo-bureau", nil).items("items") {
		names = append(names, o["id"].(string))
	}
	if !slices.Equal(names, []string{"demo-department", "demo-committee", "health"}) {
		t.Fatalf("below the bureau lie %v", names)
	}

	// An admin finds whom to appoint, by name or by the whole phone, a page at a time.
	for _, q := range []string{"钱经", phone} {
		if list := admin.want(200, "", "GET", "/accounts?q="+url.QueryEscape(q), nil).items("items"); len(list) != 1 || list[0]["name"] != "钱经办" || list[0]["phone"] != "139****0002" {
			t.Fatalf("%s finds %v", q, list)
		}
	}
	if list := admin.want(200, "", "GET", "/accounts?q=1390000000", nil).items("items"); len(list) != 0 {
		t.Fatalf("part of a phone finds %v", list)
	}
	seen := map[any]bool{}
	for cursor := ""; ; {
		page := admin.want(200, "", "GET", "/accounts?limit=4"+cursor, nil)
		for _, p := range page.items("items") {
			seen[p["id"]] = true
		}
		if page.str("next") == "" {
			break
		}
		cursor = "&cursor=" + page.str("next")
	}
	if len(seen) != 11 {
		t.Fatalf("%d accounts", len(seen))
	}

	// A session that is there already follows every grant at once.
	appoint := func(organization, account string) answer {
		return admin.want(200, "", "POST", "/organizations/"+organization+"/officers", map[string]any{"account": account})
	}
	register := map[string]any{"uscc": uscc, "name": "示范医院", "department": map[string]any{"id": "health"}}
	officer.want(403, "forbidden", "POST", "/units", register)
	appoint(uscc, phone)
	appoint("health", "applicant2")
	if got := roles(officer); !slices.Equal(got, []string{"unit", "applicant"}) {
		t.Fatalf("after the grant: %v", got)
	}
	admin.want(409, "own_office", "POST", "/organizations/demo-department/officers", map[string]any{"account": "admin"})
	admin.want(409, "officer_elsewhere", "POST", "/organizations/demo-department/officers", map[string]any{"account": phone})
	admin.want(404, "account_not_found", "POST", "/organizations/health/officers", map[string]any{"account": "nobody"})
	officer.want(422, "unit_department", "POST", "/units", map[string]any{"uscc": uscc, "name": "示范医院", "department": map[string]any{"id": "demo-department"}})
	officer.want(201, "", "POST", "/units", register)
	person.want(404, "unit_not_registered", "GET", "/units?uscc="+uscc, nil)
	other.want(403, "forbidden", "POST", "/units/"+uscc+"/approve", nil)
	head.want(200, "", "POST", "/units/"+uscc+"/approve", nil)
	bind(person, officer, uscc)

	// Who may know the officers sees them by name; others see the organization alone.
	me := officer.want(200, "", "GET", "/me", nil).str("id")
	shown := head.want(200, "", "GET", "/organizations/"+uscc, nil).items("officers")
	if len(shown) != 1 || shown[0]["name"] != "钱经办" || shown[0]["active"] != true || shown[0]["account"] != me {
		t.Fatalf("the department sees %v", shown)
	}
	if hidden := other.want(200, "", "GET", "/organizations/"+uscc, nil); hidden.body["officers"] != nil {
		t.Fatalf("another department sees %s", hidden.raw)
	}

	admin.want(200, "", "DELETE", "/organizations/"+uscc+"/officers/"+me, nil)
	officer.want(403, "forbidden", "GET", "/bindings", nil)
	if got := roles(officer); !slices.Equal(got, []string{"applicant"}) {
		t.Fatalf("after the revocation: %v", got)
	}
	appoint(uscc, me)
	admin.want(409, "organization_not_empty", "POST", "/organizations/health/close", nil)
	admin.want(200, "", "POST", "/organizations/"+uscc+"/close", nil)
	officer.want(403, "forbidden", "GET", "/bindings", nil)
	admin.want(409, "organization_closed", "POST", "/organizations/"+uscc+"/officers", map[string]any{"account": me})
	admin.want(200, "", "POST", "/organizations/health/close", nil)
	admin.want(422, "organization_parent", "POST", "/organizations/"+uscc+"/reopen", nil)
	admin.want(200, "", "POST", "/organizations/health/reopen", nil)
	admin.want(200, "", "POST", "/organizations/"+uscc+"/reopen", nil)

	// Every grant is an event, and says who gave it.
	trail := auditor.want(200, "", "GET", "/audit?type=OfficerGranted&limit=200", nil).items("items")
	last := trail[len(trail)-1]
	by, _ := last["actor"].(map[string]any)
	if last["stream"] != "organization-"+uscc || by["role"] != "admin" || len(last["changes"].([]any)) == 0 {
		t.Fatalf("the trail ends with %v", last)
	}
	var history []string
	for _, e := range auditor.want(200, "", "GET", "/audit?organization="+uscc+"&limit=200", nil).items("items") {
		history = append(history, e["type"].(string))
	}
	if want := []string{"OrganizationCreated", "OfficerGranted", "GrantRevoked", "OfficerGranted", "OrganizationClosed", "OrganizationReopened"}; !slices.Equal(history, want) {
		t.Fatalf("the unit's history: %v", history)
	}
	s.stop()
}

func TestAGrantThatHasRunOutHasNoPower(t *testing.T) {
	s, pass := inside(t)
	admin, person := s.as("admin"), s.as("applicant2")
	ends := time.Now().Add(time.Hour)
	granted := admin.want(200, "", "POST", "/organizations/demo-department/officers", map[string]any{"account": "applicant2", "expires": ends})
	if list := granted.items("officers"); list[len(list)-1]["active"] != true {
		t.Fatalf("%s", granted.raw)
	}
	person.want(200, "", "GET", "/worklist", nil)
	pass(time.Hour + time.Second)
	person.want(403, "forbidden", "GET", "/worklist", nil)
	list := admin.want(200, "", "GET", "/organizations/demo-department", nil).items("officers")
	if last := list[len(list)-1]; last["active"] != false {
		t.Fatalf("%v", list)
	}
	admin.want(422, "invalid", "POST", "/organizations/demo-department/officers", map[string]any{"account": "applicant2", "expires": ends})
}
