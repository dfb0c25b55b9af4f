package e2e

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/infra/identity"
)

// An installation without the demo begins with an admin from the command line, who builds everything else over HTTP.
func TestAnInstallationBeginsWithAnAdmin(t *testing.T) {
	data := t.TempDir()
	secret := filepath.Join(t.TempDir(), "password")
	const password = "correct horse 电池"
	zhiping := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := world.Run(t.Context(), append([]string{"accounts", "--data", data}, args...), &out, &out)
		return out.String(), err
	}
	write := func(password string) {
		if err := os.WriteFile(secret, []byte(password+"\nmore\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	add := func(login, role string) error {
		_, err := zhiping("add", login, "--name", "管理员", "--role", role, "--password-file", secret)
		return err
	}
	write("12345678")
	if err := add("root", "admin"); err == nil || !strings.Contains(err.Error(), "among the first") {
		t.Fatalf("a common password: %v", err)
	}
	write(password)
	if err := add("root", "admin"); err != nil {
		t.Fatal(err)
	}
	if err := add("root", "auditor"); err == nil {
		t.Fatal("a second account of the same name")
	}
	if err := add("13900000001", "admin"); err == nil {
		t.Fatal("somebody's phone as a login name")
	}
	if err := add("watch", "unit"); err == nil {
		t.Fatal("an officer without an organization")
	}
	if err := add("watch", "auditor"); err != nil {
		t.Fatal(err)
	}

	s := world.Start(t, data)
	signIn := func(login string) *world.Caller {
		c := &world.Caller{Server: s}
		c.Token = c.Want(200, "", "POST", "/auth/login", map[string]any{"account": login, "password": password}).Str("accessToken")
		return c
	}
	admin, auditor := signIn("root"), signIn("watch")
	admin.Want(201, "", "POST", "/organizations", map[string]any{"id": "hrss", "name": "省人社厅", "kind": "bureau"})
	admin.Want(201, "", "POST", "/organizations", map[string]any{"id": "inspection", "name": "审计处", "kind": "audit"})
	accounts, err := identity.Open(t.Context(), identity.Config{Path: filepath.Join(data, "identity.sqlite")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = accounts.EnsureAccount(t.Context(), identity.Account{Login: "zhou", Name: "周审计"}, password)
	if err := errors.Join(err, accounts.Close()); err != nil {
		t.Fatal(err)
	}
	person := signIn("zhou")
	person.Want(403, "forbidden", "GET", "/audit", nil)
	admin.Want(200, "", "POST", "/organizations/inspection/officers", map[string]any{"account": "zhou"})
	person.Want(200, "", "GET", "/audit", nil)
	admin.Want(409, "officer_elsewhere", "POST", "/organizations/hrss/officers", map[string]any{"account": "zhou"})
	seeded := auditor.Want(200, "", "GET", "/audit/identity?actor="+"operator", nil).Items("items")
	if len(seeded) != 4 { // two accounts, two roles
		t.Fatalf("%v", seeded)
	}

	// Beside the running server, in force at once.
	for _, step := range []struct {
		args   []string
		status int
	}{
		{[]string{"revoke", "watch", "auditor"}, 403}, {[]string{"grant", "watch", "auditor"}, 200}, {[]string{"disable", "watch"}, 401},
	} {
		if out, err := zhiping(step.args...); err != nil {
			t.Fatalf("%v: %v %s", step.args, err, out)
		}
		if a := auditor.Do("GET", "/audit", nil); a.Status != step.status {
			t.Fatalf("after %v: %d", step.args, a.Status)
		}
	}
	if _, err := zhiping("enable", "watch"); err != nil {
		t.Fatal(err)
	}
	signIn("watch")
	if _, err := zhiping("disable", "nobody"); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Fatalf("an unknown account: %v", err)
	}
	s.Stop()
}
