package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zhiping/infra/identity"
)

// accounts runs `zhiping accounts` beside the server, with a secret in a file.
func (s *server) accounts(secret string, args ...string) (string, error) {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "FILE", file)
	}
	var out bytes.Buffer
	err := run(s.t.Context(), append([]string{"accounts", "--data", s.data}, args...), &out, &out)
	return out.String(), err
}

const goodPassword = "correct horse 电池"

func registration(s *server, phone, name, number string) map[string]any {
	s.t.Helper()
	(&caller{s: s}).want(202, "", "POST", "/auth/codes", map[string]any{"phone": phone, "purpose": "register"})
	return map[string]any{"phone": phone, "code": s.sentCode(phone), "password": goodPassword, "name": name, "idNumber": number}
}

func (s *server) signIn(account, password string) *caller {
	s.t.Helper()
	c := &caller{s: s}
	c.token = c.want(200, "", "POST", "/auth/login", map[string]any{"account": account, "password": password}).str("accessToken")
	return c
}

// Whoever registers a stranger's identity number first would block that person for good: the operator frees it.
func TestAnIdentityNumberThatAStrangerTookIsFreed(t *testing.T) {
	const number, stranger, owner = "22010219010101003X", "13900000011", "13900000012"
	s := start(t, t.TempDir(), "--demo")
	nobody := &caller{s: s}
	nobody.want(201, "", "POST", "/auth/register", registration(s, stranger, "钱冒", number))
	thief := s.signIn(stranger, goodPassword)
	nobody.want(409, "id_number_taken", "POST", "/auth/register", registration(s, owner, "赵新", number))

	if _, err := s.accounts("11010519491231002X", "holder", "--number-file", "FILE"); err == nil || !strings.Contains(err.Error(), "no account") {
		t.Fatalf("a number that nobody has: %v", err)
	}
	out, err := s.accounts(strings.ToLower(number), "holder", "--number-file", "FILE")
	if err != nil || !strings.Contains(out, "139****0011") || strings.Contains(out, number) {
		t.Fatalf("%v %s", err, out)
	}
	id := strings.TrimSuffix(strings.Fields(out)[1], ",")
	if out, err := s.accounts("", "erase", id); err != nil || out != "" {
		t.Fatalf("%v %s", err, out)
	}
	thief.want(401, "not_signed_in", "GET", "/me", nil)
	if _, err := s.accounts("", "erase", stranger); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Fatalf("erased twice: %v", err)
	}
	nobody.want(201, "", "POST", "/auth/register", registration(s, "13900000013", "赵新", number))

	auditor := s.as("auditor")
	for _, kind := range []identity.AuditKind{identity.AuditIdentityLookedUp, identity.AuditAccountErased} {
		if items := auditor.want(200, "", "GET", "/audit/identity?actor="+operator+"&type="+string(kind), nil).items("items"); len(items) != 1 || items[0]["account"] != id {
			t.Errorf("%s: %v", kind, items)
		}
	}
}

func TestTheOperatorCorrectsVerifiesAndSetsPasswords(t *testing.T) {
	const phone, right = "13900000011", "440524188001010014"
	s := start(t, t.TempDir(), "--demo")
	(&caller{s: s}).want(201, "", "POST", "/auth/register", registration(s, phone, "赵薪", "22010219010101003X"))
	person := s.signIn(phone, goodPassword)
	if _, err := s.accounts("440524188001010015", "identify", phone, "--name", "赵新", "--number-file", "FILE"); err == nil || !strings.Contains(err.Error(), "identity number") {
		t.Fatalf("a wrong check character: %v", err)
	}
	for _, step := range [][]string{{"identify", phone, "--name", "赵新", "--number-file", "FILE"}, {"verify", phone}} {
		if out, err := s.accounts(right, step...); err != nil || out != "" {
			t.Fatalf("%v: %v %s", step, err, out)
		}
	}
	if got := person.want(200, "", "GET", "/me", nil).str("name"); got != "赵新" {
		t.Fatalf("%s", got)
	}
	if _, err := s.accounts(right, "identify", phone, "--name", "钱冒", "--number-file", "FILE"); err == nil || !strings.Contains(err.Error(), "verified") {
		t.Fatalf("after the check: %v", err)
	}

	if _, err := s.accounts("password1", "password", phone, "--password-file", "FILE"); err == nil || !strings.Contains(err.Error(), "among the first") {
		t.Fatalf("a common password: %v", err)
	}
	if out, err := s.accounts("another horse 订书机", "password", phone, "--password-file", "FILE"); err != nil || out != "" {
		t.Fatalf("%v %q", err, out)
	}
	person.want(401, "not_signed_in", "GET", "/me", nil)
	s.signIn(phone, "another horse 订书机")
	out, err := s.accounts("", "password", phone, "--generate")
	if err != nil {
		t.Fatal(err)
	}
	s.signIn(phone, strings.TrimSpace(out))
	(&caller{s: s}).want(401, "bad_credentials", "POST", "/auth/login", map[string]any{"account": phone, "password": "another horse 订书机"})

	var kinds []string
	for _, r := range s.as("auditor").want(200, "", "GET", "/audit/identity?actor="+operator, nil).items("items") {
		kinds = append(kinds, fmt.Sprint(r["type"], " ", r["detail"]))
	}
	if want := []string{"password_reset <nil>", "password_reset <nil>", "identity_changed verified", "identity_changed corrected"}; !slices.Equal(kinds, want) {
		t.Fatalf("%v", kinds)
	}
	if log := s.log.String(); strings.Contains(log, right) || strings.Contains(log, "another horse") || strings.Contains(log, strings.TrimSpace(out)) {
		t.Fatal("a secret is in the log")
	}
}

func TestAPersonChangesThePasswordAndEndsOtherSessions(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--demo")
	here, there := s.signIn("applicant", demoPassword), s.signIn("applicant", demoPassword)
	change := func(password, wanted string) map[string]any {
		return map[string]any{"password": password, "newPassword": wanted}
	}
	(&caller{s: s}).want(401, "not_signed_in", "POST", "/me/password", change(demoPassword, goodPassword))
	here.want(401, "bad_credentials", "POST", "/me/password", change("guess", goodPassword))
	if a := here.want(422, "invalid", "POST", "/me/password", change(demoPassword, "12345678")); !strings.Contains(string(a.raw), "body.newPassword") {
		t.Fatalf("%s", a.raw)
	}
	there.want(200, "", "GET", "/me", nil)
	here.want(204, "", "POST", "/me/password", change(demoPassword, goodPassword))
	here.want(200, "", "GET", "/me", nil)
	there.want(401, "not_signed_in", "GET", "/me", nil)
	(&caller{s: s}).want(401, "bad_credentials", "POST", "/auth/login", map[string]any{"account": "applicant", "password": demoPassword})

	others := []*caller{s.signIn("applicant", goodPassword), s.signIn("applicant", goodPassword)}
	stranger := s.signIn("applicant2", demoPassword)
	page := here.want(200, "", "GET", "/auth/sessions?limit=2", nil)
	next, _ := page.body["next"].(string)
	rest := here.want(200, "", "GET", "/auth/sessions?limit=2&cursor="+next, nil)
	ids := map[any]bool{}
	for _, o := range append(page.items("items"), rest.items("items")...) {
		ids[o["id"]] = true
	}
	if len(page.items("items")) != 2 || len(rest.items("items")) != 1 || len(ids) != 3 || rest.body["next"] != nil {
		t.Fatalf("%s %s", page.raw, rest.raw)
	}
	here.want(422, "", "GET", "/auth/sessions?cursor=nonsense", nil)
	here.want(422, "", "GET", "/auth/sessions?limit=201", nil)
	here.want(204, "", "DELETE", "/auth/sessions", nil)
	for _, o := range others {
		o.want(401, "not_signed_in", "GET", "/me", nil)
	}
	here.want(200, "", "GET", "/me", nil)
	stranger.want(200, "", "GET", "/me", nil)
	if n := len(here.want(200, "", "GET", "/auth/sessions", nil).items("items")); n != 1 {
		t.Fatalf("%d sessions", n)
	}
}

// An account of an OpenID provider has neither login name nor phone.
func TestAnAccountIsNamedByItsIDToo(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	p, err := identity.Open(t.Context(), identity.Config{Path: filepath.Join(s.data, "identity.sqlite"), External: true})
	if err != nil {
		t.Fatal(err)
	}
	id, err := p.TakeUp(t.Context(), identity.External{Issuer: "https://id.example", Subject: "1", Name: "王科长"})
	if err := errors.Join(err, p.Close()); err != nil {
		t.Fatal(err)
	}
	if out, err := s.accounts("", "erase", id); err != nil {
		t.Fatal(err, out)
	}
}
