package e2e

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"zhiping/cmd/zhiping/e2e/world"
)

// The manual's 推荐单位已经在系统中注册, from nothing: an admin builds the tree and appoints officers, the unit
// registers, its department approves, and people bind to it.
func TestAnAdminBuildsTheTreeAndAppointsOfficers(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo")
	admin, person, auditor, other := s.As("admin"), s.As("applicant"), s.As("auditor"), s.As("department")
	const uscc, phone = "91350100M000100Y43", "13900000002"
	officer, head := world.Register(s, phone, "钱经办", "22010219010101003X"), s.As("applicant2")

	department := map[string]any{"id": "health", "name": "省卫健委", "kind": "department", "parent": "demo-bureau"}
	made := admin.Want(201, "", "POST", "/organizations", department, "Idempotency-Key", "health")
	again := admin.Want(201, "", "POST", "/organizations", department, "Idempotency-Key", "health")
	if string(made.Raw) != string(again.Raw) || made.Header.Get("ETag") != `"0"` || !strings.HasSuffix(made.Header.Get("Location"), "/organizations/health") {
		t.Fatalf("%s %s %v", made.Raw, again.Raw, made.Header)
	}
	admin.Want(409, "organization_exists", "POST", "/organizations", department)
	admin.Want(422, "organization_parent", "POST", "/organizations", map[string]any{"name": "某评委会", "kind": "committee", "parent": "nowhere"})
	admin.Want(422, "invalid", "POST", "/organizations", map[string]any{"name": "某单位", "kind": "unit", "parent": "health"})
	admin.Want(201, "", "POST", "/organizations", map[string]any{"id": uscc, "name": "示范医院", "kind": "unit", "parent": "health"})
	other.Want(403, "forbidden", "POST", "/organizations", department)
	renamed := admin.Want(200, "", "PUT", "/organizations/health", map[string]any{"name": "省卫生健康委"}, "If-Match", `"0"`)
	admin.Want(412, "stale_revision", "PUT", "/organizations/health", map[string]any{"name": "另一名称"}, "If-Match", `"0"`)
	if renamed.Str("name") != "省卫生健康委" || admin.Want(200, "", "GET", "/organizations/health", nil).Str("name") != "省卫生健康委" {
		t.Fatalf("%s", renamed.Raw)
	}
	var names []string
	for _, o := range other.Want(200, "", "GET", "/organizations?parent=demo-bureau", nil).Items("items") {
		names = append(names, o["id"].(string))
	}
	if !slices.Equal(names, []string{"demo-department", "demo-committee", "health"}) {
		t.Fatalf("below the bureau lie %v", names)
	}

	// An admin finds whom to appoint, by name or by the whole phone, a page at a time.
	for _, q := range []string{"钱经", phone} {
		if list := admin.Want(200, "", "GET", "/accounts?q="+url.QueryEscape(q), nil).Items("items"); len(list) != 1 || list[0]["name"] != "钱经办" || list[0]["phone"] != "139****0002" {
			t.Fatalf("%s finds %v", q, list)
		}
	}
	if list := admin.Want(200, "", "GET", "/accounts?q=1390000000", nil).Items("items"); len(list) != 0 {
		t.Fatalf("part of a phone finds %v", list)
	}
	seen := map[any]bool{}
	for cursor := ""; ; {
		page := admin.Want(200, "", "GET", "/accounts?limit=4"+cursor, nil)
		for _, p := range page.Items("items") {
			seen[p["id"]] = true
		}
		if page.Str("next") == "" {
			break
		}
		cursor = "&cursor=" + page.Str("next")
	}
	if len(seen) != 11 {
		t.Fatalf("%d accounts", len(seen))
	}

	// A session that is there already follows every grant at once.
	appoint := func(organization, account string) world.Answer {
		return admin.Want(200, "", "POST", "/organizations/"+organization+"/officers", map[string]any{"account": account})
	}
	register := map[string]any{"uscc": uscc, "name": "示范医院", "department": map[string]any{"id": "health"}}
	officer.Want(403, "forbidden", "POST", "/units", register)
	appoint(uscc, phone)
	appoint("health", "applicant2")
	if got := world.Roles(officer); !slices.Equal(got, []string{"unit", "applicant"}) {
		t.Fatalf("after the grant: %v", got)
	}
	admin.Want(409, "own_office", "POST", "/organizations/demo-department/officers", map[string]any{"account": "admin"})
	admin.Want(409, "officer_elsewhere", "POST", "/organizations/demo-department/officers", map[string]any{"account": phone})
	admin.Want(404, "account_not_found", "POST", "/organizations/health/officers", map[string]any{"account": "nobody"})
	officer.Want(422, "unit_department", "POST", "/units", map[string]any{"uscc": uscc, "name": "示范医院", "department": map[string]any{"id": "demo-department"}})
	officer.Want(201, "", "POST", "/units", register)
	person.Want(404, "unit_not_registered", "GET", "/units?uscc="+uscc, nil)
	other.Want(403, "forbidden", "POST", "/units/"+uscc+"/approve", nil)
	head.Want(200, "", "POST", "/units/"+uscc+"/approve", nil)
	world.Bind(person, officer, uscc)

	// Who may know the officers sees them by name; others see the organization alone.
	me := officer.Want(200, "", "GET", "/me", nil).Str("id")
	shown := head.Want(200, "", "GET", "/organizations/"+uscc, nil).Items("officers")
	if len(shown) != 1 || shown[0]["name"] != "钱经办" || shown[0]["active"] != true || shown[0]["account"] != me {
		t.Fatalf("the department sees %v", shown)
	}
	if hidden := other.Want(200, "", "GET", "/organizations/"+uscc, nil); hidden.Body["officers"] != nil {
		t.Fatalf("another department sees %s", hidden.Raw)
	}

	admin.Want(200, "", "DELETE", "/organizations/"+uscc+"/officers/"+me, nil)
	officer.Want(403, "forbidden", "GET", "/bindings", nil)
	if got := world.Roles(officer); !slices.Equal(got, []string{"applicant"}) {
		t.Fatalf("after the revocation: %v", got)
	}
	appoint(uscc, me)
	admin.Want(409, "organization_not_empty", "POST", "/organizations/health/close", nil)
	admin.Want(200, "", "POST", "/organizations/"+uscc+"/close", nil)
	officer.Want(403, "forbidden", "GET", "/bindings", nil)
	admin.Want(409, "organization_closed", "POST", "/organizations/"+uscc+"/officers", map[string]any{"account": me})
	admin.Want(200, "", "POST", "/organizations/health/close", nil)
	admin.Want(422, "organization_parent", "POST", "/organizations/"+uscc+"/reopen", nil)
	admin.Want(200, "", "POST", "/organizations/health/reopen", nil)
	admin.Want(200, "", "POST", "/organizations/"+uscc+"/reopen", nil)

	// Every grant is an event, and says who gave it.
	trail := auditor.Want(200, "", "GET", "/audit?type=OfficerGranted&limit=200", nil).Items("items")
	last := trail[len(trail)-1]
	by, _ := last["actor"].(map[string]any)
	if last["stream"] != "organization-"+uscc || by["role"] != "admin" || len(last["changes"].([]any)) == 0 {
		t.Fatalf("the trail ends with %v", last)
	}
	var history []string
	for _, e := range auditor.Want(200, "", "GET", "/audit?organization="+uscc+"&limit=200", nil).Items("items") {
		history = append(history, e["type"].(string))
	}
	if want := []string{"OrganizationCreated", "OfficerGranted", "GrantRevoked", "OfficerGranted", "OrganizationClosed", "OrganizationReopened"}; !slices.Equal(history, want) {
		t.Fatalf("the unit's history: %v", history)
	}
	s.Stop()
}

func TestAGrantThatHasRunOutHasNoPower(t *testing.T) {
	s, pass := world.StartInProcess(t)
	admin, person := s.As("admin"), s.As("applicant2")
	ends := time.Now().Add(time.Hour)
	granted := admin.Want(200, "", "POST", "/organizations/demo-department/officers", map[string]any{"account": "applicant2", "expires": ends})
	if list := granted.Items("officers"); list[len(list)-1]["active"] != true {
		t.Fatalf("%s", granted.Raw)
	}
	person.Want(200, "", "GET", "/worklist", nil)
	pass(time.Hour + time.Second)
	person.Want(403, "forbidden", "GET", "/worklist", nil)
	list := admin.Want(200, "", "GET", "/organizations/demo-department", nil).Items("officers")
	if last := list[len(list)-1]; last["active"] != false {
		t.Fatalf("%v", list)
	}
	admin.Want(422, "invalid", "POST", "/organizations/demo-department/officers", map[string]any{"account": "applicant2", "expires": ends})
}
