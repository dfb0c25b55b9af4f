package e2e

import (
	"database/sql"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/cmd/zhiping/internal/demo"
)

// The manual's 统一身份认证平台: registration and QR sign-in over HTTP.
func TestRegisterAndSignInByQR(t *testing.T) {
	data := t.TempDir()
	s := world.Start(t, data, "--demo")
	nobody := &world.Caller{Server: s}
	const phone = "13900000001"
	nobody.Want(202, "", "POST", "/auth/codes", map[string]any{"phone": phone, "purpose": "register"})
	registration := map[string]any{"phone": phone, "code": "000000", "password": "correct horse 电池", "name": "赵新", "idNumber": "22010219010101003X"}
	if a := nobody.Do("POST", "/auth/register", registration); a.Status != 422 {
		t.Fatalf("a wrong code: %d %s", a.Status, a.Raw)
	}
	registration["code"] = s.SentCode(phone)
	nobody.Want(201, "", "POST", "/auth/register", registration)
	signIn := func(password string) world.Answer {
		return nobody.Do("POST", "/auth/login", map[string]any{"account": phone, "password": password})
	}
	first := signIn("correct horse 电池")
	if first.Status != 200 {
		t.Fatalf("%s", first.Raw)
	}
	desktop := &world.Caller{Server: s, Token: first.Str("accessToken")}
	if got := desktop.Want(200, "", "GET", "/me", nil).Str("name"); got != "赵新" {
		t.Fatal(got)
	}
	if n := len(desktop.Want(200, "", "GET", "/auth/sessions", nil).Items("items")); n != 1 {
		t.Fatalf("%d sessions", n)
	}

	// A second code within a minute is too soon; the provider's own tests go on with a clock of theirs.
	if a := nobody.Want(429, "code_too_soon", "POST", "/auth/codes", map[string]any{"phone": phone, "purpose": "reset"}); a.Header.Get("Retry-After") == "" {
		t.Fatal("no Retry-After")
	}
	if a := nobody.Do("POST", "/auth/password/reset", map[string]any{"phone": phone, "code": "000000", "newPassword": "another horse 订书机"}); a.Status != 422 {
		t.Fatalf("a reset without a code: %d %s", a.Status, a.Raw)
	}
	phoneApp := &world.Caller{Server: s, Token: signIn("correct horse 电池").Str("accessToken")}

	ticket := nobody.Want(200, "", "POST", "/auth/qr", nil)
	cookie, _, _ := strings.Cut(ticket.Header.Get("Set-Cookie"), ";")
	path := "/auth/qr/" + ticket.Str("ticket")
	poll := func() world.Answer { return nobody.Want(200, "", "GET", path, nil, "Cookie", cookie) }
	if got := poll().Str("status"); got != "pending" {
		t.Fatal(got)
	}
	phoneApp.Want(200, "", "POST", path+"/scan", nil)
	if got := poll().Str("status"); got != "scanned" {
		t.Fatal(got)
	}
	if got := nobody.Want(200, "", "GET", path, nil).Str("status"); got != "expired" {
		t.Fatalf("another browser sees %s", got)
	}
	phoneApp.Want(204, "", "POST", path+"/confirm", nil)
	in := poll()
	if in.Str("status") != "confirmed" || in.Str("accessToken") == "" {
		t.Fatalf("%s", in.Raw)
	}
	if again := poll(); again.Str("accessToken") != "" || again.Str("status") != "expired" {
		t.Fatalf("the ticket is good twice: %s", again.Raw)
	}
	(&world.Caller{Server: s, Token: in.Str("accessToken")}).Want(200, "", "GET", "/me", nil)
	if image := nobody.Want(200, "", "POST", "/auth/captcha", nil).Str("image"); !strings.HasPrefix(image, "data:image/png;base64,") {
		t.Fatalf("captcha %.30q", image)
	}
	log := s.Log.String()
	for what, secret := range map[string]string{"the password": "correct horse", "a code": registration["code"].(string), "a session's token": desktop.Token, "the identity number": "22010219010101003X"} {
		if strings.Contains(log, secret) {
			t.Errorf("%s is in the log", what)
		}
	}
}

func TestCaptchasAreAskedForAsConfigured(t *testing.T) {
	t.Parallel()
	for _, mode := range []struct {
		name, codes string
		flags       []string
		want        map[string]int
	}{
		{"adaptive by default", "captcha_required", nil, map[string]int{"bad_credentials": 3, "captcha_required": 2}},
		{"adaptive in the demo", "captcha_required", []string{"--demo", "--captcha", "adaptive"}, map[string]int{"bad_credentials": 3, "captcha_required": 2}},
		{"always", "captcha_required", []string{"--captcha", "always"}, map[string]int{"captcha_required": 5}},
		{"off", "", []string{"--captcha", "off"}, map[string]int{"bad_credentials": 5}},
		{"off by default in the demo", "", []string{"--demo"}, map[string]int{"bad_credentials": 5}},
	} {
		t.Run(mode.name, func(t *testing.T) {
			nobody := &world.Caller{Server: world.Start(t, t.TempDir(), mode.flags...)}
			codes := map[string]int{}
			for range 5 {
				codes[nobody.Do("POST", "/auth/login", map[string]any{"account": "nobody", "password": "wrong password"}).Str("code")]++
			}
			if !maps.Equal(codes, mode.want) {
				t.Errorf("%v, want %v", codes, mode.want)
			}
			if got := nobody.Do("POST", "/auth/codes", map[string]any{"phone": "13900000001", "purpose": "register"}); got.Str("code") != mode.codes {
				t.Errorf("a one-time code: %d %s", got.Status, got.Raw)
			}
		})
	}
	var out strings.Builder
	if err := world.Run(t.Context(), []string{"serve", "--captcha", "sometimes"}, &out, &out); err == nil || !strings.Contains(err.Error(), "captcha") {
		t.Errorf("an unknown mode: %v", err)
	}
}

// A disk that takes nothing more looks like this to a sign-in; here somebody else holds the file.
func TestASignInSaysWhenAccountsCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo")
	person := s.As("applicant")
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.Data, "identity.sqlite")+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	a := (&world.Caller{Server: s}).Want(503, "identity_store_unavailable", "POST", "/auth/login", map[string]any{"account": "applicant", "password": demo.Password})
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	person.Want(200, "", "GET", "/me", nil)
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	s.As("applicant2")
}
