package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/cmd/zhiping/internal/demo"
)

// rolesTold are the types of the events of an account's roles, with who did it, as an auditor sees them.
func rolesTold(auditor *world.Caller, account string) (all []string) {
	auditor.Server.T.Helper()
	for _, e := range auditor.Want(200, "", "GET", "/audit?limit=200&account="+account, nil).Items("items") {
		by, _ := e["actor"].(map[string]any)
		all = append(all, fmt.Sprint(e["type"], " by ", by["id"], ": ", e["summary"]))
	}
	return all
}

// Roles that belong to no organization are an admin's to give and take over HTTP, in force at once for sessions that are
// there already, until a time if wanted; every one is an event.
func TestAnAdminGivesAndTakesRoles(t *testing.T) {
	s, pass := world.StartInProcess(t)
	admin, person, auditor, analyst := s.As("admin"), s.As("applicant2"), s.As("auditor"), s.As("analyst")
	me := func(c *world.Caller) string { return c.Want(200, "", "GET", "/me", nil).Str("id") }
	root, id := me(admin), me(person)
	path := "/accounts/" + id + "/roles"
	give := func(role string, expires ...time.Time) map[string]any {
		body := map[string]any{"role": role}
		if len(expires) > 0 {
			body["expires"] = expires[0]
		}
		return body
	}
	if roles := admin.Want(200, "", "GET", path, nil).Items("roles"); len(roles) != 0 {
		t.Fatalf("an applicant holds %v", roles)
	}

	person.Want(403, "forbidden", "GET", "/audit", nil)
	granted := admin.Want(200, "", "POST", path, give("auditor"))
	person.Want(200, "", "GET", "/audit", nil)
	again := admin.Want(200, "", "POST", path, give("auditor"))
	if granted.Header.Get("X-Position") != again.Header.Get("X-Position") || string(granted.Raw) != string(again.Raw) {
		t.Fatalf("granted twice: %s %s", granted.Raw, again.Raw)
	}
	admin.Want(412, "stale_revision", "DELETE", path+"/auditor", nil, "If-Match", `"7"`)
	admin.Want(200, "", "DELETE", path+"/auditor", nil)
	person.Want(403, "forbidden", "GET", "/audit", nil)
	admin.Want(200, "", "DELETE", path+"/auditor", nil)

	ends := time.Now().Add(time.Hour)
	admin.Want(200, "", "POST", path, give("analyst", ends))
	person.Want(200, "", "GET", "/events", nil)
	list := auditor.Want(200, "", "GET", path, nil)
	if r := list.Items("roles"); len(r) != 1 || r[0]["active"] != true || r[0]["grantedBy"] != root || r[0]["origin"] != "admin" || r[0]["expires"] == nil || r[0]["grantedAt"] == nil {
		t.Fatalf("%s", list.Raw)
	}
	pass(time.Hour + time.Second)
	person.Want(403, "forbidden", "GET", "/events", nil)
	over := auditor.Want(200, "", "GET", path, nil, "If-None-Match", list.Header.Get("ETag"))
	if r := over.Items("roles"); len(r) != 1 || r[0]["active"] != false {
		t.Fatalf("%s", over.Raw)
	}

	if a := admin.Want(422, "invalid", "POST", path, give("analyst", ends)); !strings.Contains(string(a.Raw), "body.expires") {
		t.Fatalf("an end in the past: %s", a.Raw)
	}
	for _, role := range []string{"bureau", "applicant", "operator", "system", "king"} {
		admin.Want(422, "invalid", "POST", path, give(role))
		admin.Want(422, "invalid", "DELETE", path+"/"+role, nil)
	}
	for _, who := range []string{world.MissingID, "%2e%2e"} {
		admin.Want(404, "account_not_found", "GET", "/accounts/"+who+"/roles", nil)
		admin.Want(404, "account_not_found", "POST", "/accounts/"+who+"/roles", give("auditor"))
		admin.Want(404, "account_not_found", "DELETE", "/accounts/"+who+"/roles/auditor", nil)
	}
	auditor.Want(403, "forbidden", "POST", path, give("auditor"))
	person.Want(403, "forbidden", "POST", path, give("admin"))
	if out, err := s.RunAccounts("", "disable", "department"); err != nil {
		t.Fatal(err, out)
	}
	admin.Want(409, "grant_to_disabled", "POST", "/accounts/"+demo.AccountID("department")+"/roles", give("auditor"))

	lockedOut(t, admin, person, root, id, give)

	// A new admin decides nothing.
	person.Want(403, "forbidden", "POST", "/declarations/"+world.MissingID+"/approve", map[string]any{"opinion": "同意"})

	want := []string{"RoleGranted by " + root + ": 授予角色“审计员”（管理员操作）", "RoleRevoked by " + root + ": 撤销角色“审计员”（管理员操作）",
		"RoleGranted by " + root + ": 授予角色“分析员”（管理员操作）", "RoleGranted by " + root + ": 授予角色“管理员”（管理员操作）", "RoleGranted by " + root + ": 授予角色“管理员”（管理员操作）"}
	if got := rolesTold(auditor, id); !slices.Equal(got, want) {
		t.Fatalf("told: %s", strings.Join(got, "\n"))
	}
	trail := auditor.Want(200, "", "GET", "/audit?type=RoleGranted&limit=200", nil).Items("items")
	first := trail[0]
	if by, _ := first["actor"].(map[string]any); len(trail) != 3+4 || first["command"] != "GrantRole" || by["id"] != "demo-seed" || len(first["changes"].([]any)) != 1 {
		t.Fatalf("%d, the first %v", len(trail), first)
	}
	feed := string(analyst.Want(200, "", "GET", "/events?types=RoleGranted,RoleRevoked", nil).Raw)
	if !strings.Contains(feed, "zhiping.RoleRevoked") || !strings.Contains(feed, `"role":"auditor"`) || strings.Contains(feed, "李小红") {
		t.Fatalf("%s", feed)
	}
}

// lockedOut tries to leave the installation without an admin. Afterwards the person is the only one.
func lockedOut(t *testing.T, admin, person *world.Caller, root, id string, give func(string, ...time.Time) map[string]any) {
	t.Helper()
	own, other := "/accounts/"+root+"/roles", "/accounts/"+id+"/roles"
	later := time.Now().Add(48 * time.Hour)
	admin.Want(409, "own_admin_role", "DELETE", own+"/admin", nil)
	admin.Want(409, "own_admin_role", "POST", own, give("admin", later))
	admin.Want(200, "", "POST", own, give("admin"))
	admin.Want(200, "", "POST", other, give("admin", later))
	person.Want(409, "last_admin", "DELETE", own+"/admin", nil)
	person.Want(409, "last_admin", "POST", own, give("admin", later))
	admin.Want(200, "", "POST", other, give("admin"))
	person.Want(200, "", "DELETE", own+"/admin", nil)
	admin.Want(403, "forbidden", "GET", "/accounts", nil)
	person.Want(409, "own_admin_role", "DELETE", other+"/admin", nil)
}
