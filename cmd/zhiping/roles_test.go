package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// rolesTold are the types of the events of an account's roles, with who did it, as an auditor sees them.
func rolesTold(auditor *caller, account string) (all []string) {
	auditor.s.t.Helper()
	for _, e := range auditor.want(200, "", "GET", "/audit?limit=200&account="+account, nil).items("items") {
		by, _ := e["actor"].(map[string]any)
		all = append(all, fmt.Sprint(e["type"], " by ", by["id"], ": ", e["summary"]))
	}
	return all
}

// Roles that belong to no organization are an admin's to give and take over HTTP, in force at once for sessions that are
// there already, until a time if wanted; every one is an event.
func TestAnAdminGivesAndTakesRoles(t *testing.T) {
	s, pass := inside(t)
	admin, person, auditor, analyst := s.as("admin"), s.as("applicant2"), s.as("auditor"), s.as("analyst")
	me := func(c *caller) string { return c.want(200, "", "GET", "/me", nil).str("id") }
	root, id := me(admin), me(person)
	path := "/accounts/" + id + "/roles"
	give := func(role string, expires ...time.Time) map[string]any {
		body := map[string]any{"role": role}
		if len(expires) > 0 {
			body["expires"] = expires[0]
		}
		return body
	}
	if roles := admin.want(200, "", "GET", path, nil).items("roles"); len(roles) != 0 {
		t.Fatalf("an applicant holds %v", roles)
	}

	person.want(403, "forbidden", "GET", "/audit", nil)
	granted := admin.want(200, "", "POST", path, give("auditor"))
	person.want(200, "", "GET", "/audit", nil)
	again := admin.want(200, "", "POST", path, give("auditor"))
	if granted.header.Get("X-Position") != again.header.Get("X-Position") || string(granted.raw) != string(again.raw) {
		t.Fatalf("granted twice: %s %s", granted.raw, again.raw)
	}
	admin.want(412, "stale_revision", "DELETE", path+"/auditor", nil, "If-Match", `"7"`)
	admin.want(200, "", "DELETE", path+"/auditor", nil)
	person.want(403, "forbidden", "GET", "/audit", nil)
	admin.want(200, "", "DELETE", path+"/auditor", nil)

	ends := time.Now().Add(time.Hour)
	admin.want(200, "", "POST", path, give("analyst", ends))
	person.want(200, "", "GET", "/events", nil)
	list := auditor.want(200, "", "GET", path, nil)
	if r := list.items("roles"); len(r) != 1 || r[0]["active"] != true || r[0]["grantedBy"] != root || r[0]["origin"] != "admin" || r[0]["expires"] == nil || r[0]["grantedAt"] == nil {
		t.Fatalf("%s", list.raw)
	}
	pass(time.Hour + time.Second)
	person.want(403, "forbidden", "GET", "/events", nil)
	over := auditor.want(200, "", "GET", path, nil, "If-None-Match", list.header.Get("ETag"))
	if r := over.items("roles"); len(r) != 1 || r[0]["active"] != false {
		t.Fatalf("%s", over.raw)
	}

	if a := admin.want(422, "invalid", "POST", path, give("analyst", ends)); !strings.Contains(string(a.raw), "body.expires") {
		t.Fatalf("an end in the past: %s", a.raw)
	}
	for _, role := range []string{"bureau", "applicant", "operator", "system", "king"} {
		admin.want(422, "invalid", "POST", path, give(role))
		admin.want(422, "invalid", "DELETE", path+"/"+role, nil)
	}
	for _, who := range []string{nowhere, "%2e%2e"} {
		admin.want(404, "account_not_found", "GET", "/accounts/"+who+"/roles", nil)
		admin.want(404, "account_not_found", "POST", "/accounts/"+who+"/roles", give("auditor"))
		admin.want(404, "account_not_found", "DELETE", "/accounts/"+who+"/roles/auditor", nil)
	}
	auditor.want(403, "forbidden", "POST", path, give("auditor"))
	person.want(403, "forbidden", "POST", path, give("admin"))
	if out, err := s.accounts("", "disable", "department"); err != nil {
		t.Fatal(err, out)
	}
	admin.want(409, "grant_to_disabled", "POST", "/accounts/"+demoAccountID("department")+"/roles", give("auditor"))

	lockedOut(t, admin, person, root, id, give)

	// A new admin decides nothing.
	person.want(403, "forbidden", "POST", "/declarations/"+nowhere+"/approve", map[string]any{"opinion": "同意"})

	want := []string{"RoleGranted by " + root + ": 授予角色“审计员”（管理员操作）", "RoleRevoked by " + root + ": 撤销角色“审计员”（管理员操作）",
		"RoleGranted by " + root + ": 授予角色“分析员”（管理员操作）", "RoleGranted by " + root + ": 授予角色“管理员”（管理员操作）", "RoleGranted by " + root + ": 授予角色“管理员”（管理员操作）"}
	if got := rolesTold(auditor, id); !slices.Equal(got, want) {
		t.Fatalf("told: %s", strings.Join(got, "\n"))
	}
	trail := auditor.want(200, "", "GET", "/audit?type=RoleGranted&limit=200", nil).items("items")
	first := trail[0]
	if by, _ := first["actor"].(map[string]any); len(trail) != 3+4 || first["command"] != "GrantRole" || by["id"] != seeder.ID || len(first["changes"].([]any)) != 1 {
		t.Fatalf("%d, the first %v", len(trail), first)
	}
	feed := string(analyst.want(200, "", "GET", "/events?types=RoleGranted,RoleRevoked", nil).raw)
	if !strings.Contains(feed, "zhiping.RoleRevoked") || !strings.Contains(feed, `"role":"auditor"`) || strings.Contains(feed, "李小红") {
		t.Fatalf("%s", feed)
	}
}

// lockedOut tries to leave the installation without an admin. Afterwards the person is the only one.
func lockedOut(t *testing.T, admin, person *caller, root, id string, give func(string, ...time.Time) map[string]any) {
	t.Helper()
	own, other := "/accounts/"+root+"/roles", "/accounts/"+id+"/roles"
	later := time.Now().Add(48 * time.Hour)
	admin.want(409, "own_admin_role", "DELETE", own+"/admin", nil)
	admin.want(409, "own_admin_role", "POST", own, give("admin", later))
	admin.want(200, "", "POST", own, give("admin"))
	admin.want(200, "", "POST", other, give("admin", later))
	person.want(409, "last_admin", "DELETE", own+"/admin", nil)
	person.want(409, "last_admin", "POST", own, give("admin", later))
	admin.want(200, "", "POST", other, give("admin"))
	person.want(200, "", "DELETE", own+"/admin", nil)
	admin.want(403, "forbidden", "GET", "/accounts", nil)
	person.want(409, "own_admin_role", "DELETE", other+"/admin", nil)
}
