package main

import (
	"database/sql"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sentCode is the newest one-time code for a phone in the outbox that stands in for text messages. Messages leave
// behind the answer, so it waits for one.
func (s *server) sentCode(phone string) (code string) {
	s.t.Helper()
	s.eventually("a code for "+phone, func() bool {
		files, err := filepath.Glob(filepath.Join(s.data, "*outbox*", "*.json")) // in order of time
		if err != nil {
			return false
		}
		for _, f := range slices.Backward(files) {
			raw, err := os.ReadFile(f)
			if err == nil && strings.Contains(string(raw), phone) {
				code = regexp.MustCompile(`\b[0-9]{6}\b`).FindString(string(raw))
				return code != ""
			}
		}
		return false
	})
	return code
}

// The manual's 统一身份认证平台: registration and QR sign-in over HTTP.
func TestRegisterAndSignInByQR(t *testing.T) {
	data := t.TempDir()
	s := start(t, data, "--demo")
	nobody := &caller{s: s}
	const phone = "13900000001"
	nobody.want(202, "", "POST", "/auth/codes", map[string]any{"phone": phone, "purpose": "register"})
	registration := map[string]any{"phone": phone, "code": "000000", "password": "correct horse 电池", "name": "赵新", "idNumber": "22010219010101003X"}
	if a := nobody.do("POST", "/auth/register", registration); a.status != 422 {
		t.Fatalf("a wrong code: %d %s", a.status, a.raw)
	}
	registration["code"] = s.sentCode(phone)
	nobody.want(201, "", "POST", "/auth/register", registration)
	signIn := func(password string) answer {
		return nobody.do("POST", "/auth/login", map[string]any{"account": phone, "password": password})
	}
	first := signIn("correct horse 电池")
	if first.status != 200 {
		t.Fatalf("%s", first.raw)
	}
	desktop := &caller{s: s, token: first.str("accessToken")}
	if got := desktop.want(200, "", "GET", "/me", nil).str("name"); got != "赵新" {
		t.Fatal(got)
	}
	if n := len(desktop.want(200, "", "GET", "/auth/sessions", nil).items("items")); n != 1 {
		t.Fatalf("%d sessions", n)
	}

	// A second code within a minute is too soon; the provider's own tests go on with a clock of theirs.
	if a := nobody.want(429, "code_too_soon", "POST", "/auth/codes", map[string]any{"phone": phone, "purpose": "reset"}); a.header.Get("Retry-After") == "" {
		t.Fatal("no Retry-After")
	}
	if a := nobody.do("POST", "/auth/password/reset", map[string]any{"phone": phone, "code": "000000", "newPassword": "another horse 订书机"}); a.status != 422 {
		t.Fatalf("a reset without a code: %d %s", a.status, a.raw)
	}
	phoneApp := &caller{s: s, token: signIn("correct horse 电池").str("accessToken")}

	ticket := nobody.want(200, "", "POST", "/auth/qr", nil)
	cookie, _, _ := strings.Cut(ticket.header.Get("Set-Cookie"), ";")
	path := "/auth/qr/" + ticket.str("ticket")
	poll := func() answer { return nobody.want(200, "", "GET", path, nil, "Cookie", cookie) }
	if got := poll().str("status"); got != "pending" {
		t.Fatal(got)
	}
	phoneApp.want(200, "", "POST", path+"/scan", nil)
	if got := poll().str("status"); got != "scanned" {
		t.Fatal(got)
	}
	if got := nobody.want(200, "", "GET", path, nil).str("status"); got != "expired" {
		t.Fatalf("another browser sees %s", got)
	}
	phoneApp.want(204, "", "POST", path+"/confirm", nil)
	in := poll()
	if in.str("status") != "confirmed" || in.str("accessToken") == "" {
		t.Fatalf("%s", in.raw)
	}
	if again := poll(); again.str("accessToken") != "" || again.str("status") != "expired" {
		t.Fatalf("the ticket is good twice: %s", again.raw)
	}
	(&caller{s: s, token: in.str("accessToken")}).want(200, "", "GET", "/me", nil)
	if image := nobody.want(200, "", "POST", "/auth/captcha", nil).str("image"); !strings.HasPrefix(image, "data:image/png;base64,") {
		t.Fatalf("captcha %.30q", image)
	}
	log := s.log.String()
	for what, secret := range map[string]string{"the password": "correct horse", "a code": registration["code"].(string), "a session's token": desktop.token, "the identity number": "22010219010101003X"} {
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
			nobody := &caller{s: start(t, t.TempDir(), mode.flags...)}
			codes := map[string]int{}
			for range 5 {
				codes[nobody.do("POST", "/auth/login", map[string]any{"account": "nobody", "password": "wrong password"}).str("code")]++
			}
			if !maps.Equal(codes, mode.want) {
				t.Errorf("%v, want %v", codes, mode.want)
			}
			if got := nobody.do("POST", "/auth/codes", map[string]any{"phone": "13900000001", "purpose": "register"}); got.str("code") != mode.codes {
				t.Errorf("a one-time code: %d %s", got.status, got.raw)
			}
		})
	}
	var out strings.Builder
	if err := run(t.Context(), []string{"serve", "--captcha", "sometimes"}, &out, &out); err == nil || !strings.Contains(err.Error(), "captcha") {
		t.Errorf("an unknown mode: %v", err)
	}
}

// A disk that takes nothing more looks like this to a sign-in; here somebody else holds the file.
func TestASignInSaysWhenAccountsCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--demo")
	person := s.as("applicant")
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.data, "identity.sqlite")+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	a := (&caller{s: s}).want(503, "identity_store_unavailable", "POST", "/auth/login", map[string]any{"account": "applicant", "password": demoPassword})
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	person.want(200, "", "GET", "/me", nil)
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	s.as("applicant2")
}
