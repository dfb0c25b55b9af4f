package e2e

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/cmd/zhiping/internal/demo"
	"zhiping/cmd/zhiping/internal/operate"
	"zhiping/infra/identity"
)

// Whoever registers a stranger's identity number first would block that person for good: the operator frees it.
func TestAnIdentityNumberThatAStrangerTookIsFreed(t *testing.T) {
	const number, stranger, owner = "22010219010101003X", "13900000011", "13900000012"
	s := world.Start(t, t.TempDir(), "--demo")
	nobody := &world.Caller{Server: s}
	nobody.Want(201, "", "POST", "/auth/register", world.Registration(s, stranger, "钱冒", number))
	thief := s.SignIn(stranger, world.GoodPassword)
	nobody.Want(409, "id_number_taken", "POST", "/auth/register", world.Registration(s, owner, "赵新", number))

	if _, err := s.RunAccounts("11010519491231002X", "holder", "--number-file", "FILE"); err == nil || !strings.Contains(err.Error(), "no account") {
		t.Fatalf("a number that nobody has: %v", err)
	}
	out, err := s.RunAccounts(strings.ToLower(number), "holder", "--number-file", "FILE")
	if err != nil || !strings.Contains(out, "139****0011") || strings.Contains(out, number) {
		t.Fatalf("%v %s", err, out)
	}
	id := strings.TrimSuffix(strings.Fields(out)[1], ",")
	if out, err := s.RunAccounts("", "erase", id); err != nil || out != "" {
		t.Fatalf("%v %s", err, out)
	}
	thief.Want(401, "not_signed_in", "GET", "/me", nil)
	if _, err := s.RunAccounts("", "erase", stranger); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Fatalf("erased twice: %v", err)
	}
	nobody.Want(201, "", "POST", "/auth/register", world.Registration(s, "13900000013", "赵新", number))

	auditor := s.As("auditor")
	for _, kind := range []identity.AuditKind{identity.AuditIdentityLookedUp, identity.AuditAccountErased} {
		if items := auditor.Want(200, "", "GET", "/audit/identity?actor="+"operator"+"&type="+string(kind), nil).Items("items"); len(items) != 1 || items[0]["account"] != id {
			t.Errorf("%s: %v", kind, items)
		}
	}
}

func TestTheOperatorCorrectsVerifiesAndSetsPasswords(t *testing.T) {
	const phone, right = "13900000011", "440524188001010014"
	s := world.Start(t, t.TempDir(), "--demo")
	(&world.Caller{Server: s}).Want(201, "", "POST", "/auth/register", world.Registration(s, phone, "赵薪", "22010219010101003X"))
	person := s.SignIn(phone, world.GoodPassword)
	if _, err := s.RunAccounts("440524188001010015", "identify", phone, "--name", "赵新", "--number-file", "FILE"); err == nil || !strings.Contains(err.Error(), "identity number") {
		t.Fatalf("a wrong check character: %v", err)
	}
	for _, step := range [][]string{{"identify", phone, "--name", "赵新", "--number-file", "FILE"}, {"verify", phone}} {
		if out, err := s.RunAccounts(right, step...); err != nil || out != "" {
			t.Fatalf("%v: %v %s", step, err, out)
		}
	}
	if got := person.Want(200, "", "GET", "/me", nil).Str("name"); got != "赵新" {
		t.Fatalf("%s", got)
	}
	if _, err := s.RunAccounts(right, "identify", phone, "--name", "钱冒", "--number-file", "FILE"); err == nil || !strings.Contains(err.Error(), "verified") {
		t.Fatalf("after the check: %v", err)
	}

	if _, err := s.RunAccounts("password1", "password", phone, "--password-file", "FILE"); err == nil || !strings.Contains(err.Error(), "among the first") {
		t.Fatalf("a common password: %v", err)
	}
	if out, err := s.RunAccounts("another horse 订书机", "password", phone, "--password-file", "FILE"); err != nil || out != "" {
		t.Fatalf("%v %q", err, out)
	}
	person.Want(401, "not_signed_in", "GET", "/me", nil)
	s.SignIn(phone, "another horse 订书机")
	out, err := s.RunAccounts("", "password", phone, "--generate")
	if err != nil {
		t.Fatal(err)
	}
	s.SignIn(phone, strings.TrimSpace(out))
	(&world.Caller{Server: s}).Want(401, "bad_credentials", "POST", "/auth/login", map[string]any{"account": phone, "password": "another horse 订书机"})

	var kinds []string
	for _, r := range s.As("auditor").Want(200, "", "GET", "/audit/identity?actor="+operate.OperatorID, nil).Items("items") {
		kinds = append(kinds, fmt.Sprint(r["type"], " ", r["detail"]))
	}
	if want := []string{"password_reset <nil>", "password_reset <nil>", "identity_changed verified", "identity_changed corrected"}; !slices.Equal(kinds, want) {
		t.Fatalf("%v", kinds)
	}
	if log := s.Log.String(); strings.Contains(log, right) || strings.Contains(log, "another horse") || strings.Contains(log, strings.TrimSpace(out)) {
		t.Fatal("a secret is in the log")
	}
}

func TestAPersonChangesThePasswordAndEndsOtherSessions(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo")
	here, there := s.SignIn("applicant", demo.Password), s.SignIn("applicant", demo.Password)
	change := func(password, wanted string) map[string]any {
		return map[string]any{"password": password, "newPassword": wanted}
	}
	(&world.Caller{Server: s}).Want(401, "not_signed_in", "POST", "/me/password", change(demo.Password, world.GoodPassword))
	here.Want(401, "bad_credentials", "POST", "/me/password", change("guess", world.GoodPassword))
	if a := here.Want(422, "invalid", "POST", "/me/password", change(demo.Password, "12345678")); !strings.Contains(string(a.Raw), "body.newPassword") {
		t.Fatalf("%s", a.Raw)
	}
	there.Want(200, "", "GET", "/me", nil)
	here.Want(204, "", "POST", "/me/password", change(demo.Password, world.GoodPassword))
	here.Want(200, "", "GET", "/me", nil)
	there.Want(401, "not_signed_in", "GET", "/me", nil)
	(&world.Caller{Server: s}).Want(401, "bad_credentials", "POST", "/auth/login", map[string]any{"account": "applicant", "password": demo.Password})

	others := []*world.Caller{s.SignIn("applicant", world.GoodPassword), s.SignIn("applicant", world.GoodPassword)}
	stranger := s.SignIn("applicant2", demo.Password)
	page := here.Want(200, "", "GET", "/auth/sessions?limit=2", nil)
	next, _ := page.Body["next"].(string)
	rest := here.Want(200, "", "GET", "/auth/sessions?limit=2&cursor="+next, nil)
	ids := map[any]bool{}
	for _, o := range append(page.Items("items"), rest.Items("items")...) {
		ids[o["id"]] = true
	}
	if len(page.Items("items")) != 2 || len(rest.Items("items")) != 1 || len(ids) != 3 || rest.Body["next"] != nil {
		t.Fatalf("%s %s", page.Raw, rest.Raw)
	}
	here.Want(422, "", "GET", "/auth/sessions?cursor=nonsense", nil)
	here.Want(422, "", "GET", "/auth/sessions?limit=201", nil)
	here.Want(204, "", "DELETE", "/auth/sessions", nil)
	for _, o := range others {
		o.Want(401, "not_signed_in", "GET", "/me", nil)
	}
	here.Want(200, "", "GET", "/me", nil)
	stranger.Want(200, "", "GET", "/me", nil)
	if n := len(here.Want(200, "", "GET", "/auth/sessions", nil).Items("items")); n != 1 {
		t.Fatalf("%d sessions", n)
	}
}

// An account of an OpenID provider has neither login name nor phone.
func TestAnAccountIsNamedByItsIDToo(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir())
	p, err := identity.Open(t.Context(), identity.Config{Path: filepath.Join(s.Data, "identity.sqlite"), External: true})
	if err != nil {
		t.Fatal(err)
	}
	id, err := p.TakeUp(t.Context(), identity.External{Issuer: "https://id.example", Subject: "1", Name: "王科长"})
	if err := errors.Join(err, p.Close()); err != nil {
		t.Fatal(err)
	}
	if out, err := s.RunAccounts("", "erase", id); err != nil {
		t.Fatal(err, out)
	}
}
