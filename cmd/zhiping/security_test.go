package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// loginFrom signs in from another address of this machine, as a stranger elsewhere would.
func (s *server) loginFrom(address, account, password string) answer {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).DialContext}}
	body, err := json.Marshal(map[string]any{"account": account, "password": password})
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := client.Post(s.url+"/api/v1/auth/login", "application/json", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header}
	if a.raw, err = io.ReadAll(res.Body); err != nil {
		s.t.Fatal(err)
	}
	_ = json.Unmarshal(a.raw, &a.body)
	return a
}

// retryAfter is how many seconds a locked-out caller is told to wait.
func (a answer) retryAfter() int {
	n, _ := strconv.Atoi(a.header.Get("Retry-After"))
	return n
}

func TestGuessingIsSlowedAndLocksNobodyElseOut(t *testing.T) {
	s, pass := inside(t)
	s.as("department") // the owner's own network is known from here on
	const stranger = "127.0.0.2"
	guess := func(from string) answer { return s.loginFrom(from, "department", "guess-typed-here-1") }
	for range 5 {
		if a := guess(stranger); a.status != http.StatusUnauthorized || a.str("code") != "bad_credentials" {
			t.Fatalf("%d %s", a.status, a.raw)
		}
	}
	locked := guess(stranger)
	if locked.status != http.StatusTooManyRequests || locked.str("code") != "locked_out" || locked.retryAfter() < 1 {
		t.Fatalf("the sixth guess: %d %s", locked.status, locked.raw)
	}
	if right := s.loginFrom(stranger, "department", demoPassword); right.status != http.StatusTooManyRequests {
		t.Fatalf("a locked-out guesser learns that the password is right: %d", right.status)
	}
	s.as("department")
	s.as("applicant") // nor are others who sign in from the owner's address

	// Each further failure locks for twice as long, up to a quarter of an hour.
	for wait, n := locked.retryAfter(), 0; n < 6; n++ {
		pass(time.Duration(wait) * time.Second)
		if a := guess(stranger); a.status != http.StatusUnauthorized {
			t.Fatalf("after the lock: %d %s", a.status, a.raw)
		}
		next := guess(stranger).retryAfter()
		if want := min(2*wait, 15*60); next < want-1 || next > want+1 {
			t.Fatalf("locked for %d s after %d s", next, wait)
		}
		wait = next
	}

	// Guesses from everywhere: the account is slowed for strangers, a minute at most, and not for its owner.
	longest := 0
	for i := 3; i < 30; i++ {
		longest = max(longest, guess("127.0.0."+strconv.Itoa(i)).retryAfter())
	}
	if longest == 0 || longest > 60 {
		t.Fatalf("strangers are locked out of the account for %d s", longest)
	}
	s.as("department")
	if a := s.loginFrom("127.0.0.99", "department", demoPassword); a.status != http.StatusTooManyRequests {
		t.Fatalf("a new network is let in at once while the account is guessed at: %d", a.status)
	}
	pass(time.Minute)
	if a := s.loginFrom("127.0.0.99", "department", demoPassword); a.status != http.StatusOK {
		t.Fatalf("the owner on a new network is still locked out: %d %s", a.status, a.raw)
	}
	s.auditsIdentity(t)
}

// auditsIdentity looks at what the guessing left behind.
func (s *server) auditsIdentity(t *testing.T) {
	auditor, admin := s.as("auditor"), s.as("admin")
	victim := s.as("department").want(200, "", "GET", "/me", nil).str("id")
	list := func(query string) []map[string]any {
		t.Helper()
		var all []map[string]any
		for cursor := ""; ; {
			page := auditor.want(200, "", "GET", "/audit/identity?limit=7&"+query+cursor, nil)
			all = append(all, page.items("items")...)
			if page.str("next") == "" {
				return all
			}
			cursor = "&cursor=" + page.str("next")
		}
	}
	failed := list("type=sign_in_failed&account=" + victim)
	if len(failed) < 20 || failed[len(failed)-1]["address"] != "127.0.0.2" {
		t.Fatalf("%d failures: %v", len(failed), failed)
	}
	for i := 1; i < len(failed); i++ {
		if failed[i]["id"].(float64) >= failed[i-1]["id"].(float64) {
			t.Fatal("pages repeat or skip records")
		}
	}
	if len(list("type=locked_out&address=127.0.0.2")) == 0 || len(list("type=sign_in&account="+victim)) < 3 {
		t.Fatal("lockouts or sign-ins are missing")
	}
	head := failed[0]["at"].(string)
	if until := list("type=sign_in_failed&to=" + head); len(until) != len(failed) {
		t.Fatalf("%d failures up to the last one, of %d", len(until), len(failed))
	}
	if since := list("type=sign_in_failed&from=2040-01-01T00:00:00Z"); len(since) != 0 {
		t.Fatalf("%v", since)
	}
	granter := admin.want(200, "", "GET", "/me", nil).str("id")
	admin.want(200, "", "POST", "/organizations/demo-department/officers", map[string]any{"account": "applicant2"})
	if by := list("actor=" + granter); len(by) != 1 || by[0]["type"] != "granted" || by[0]["detail"] != "department@demo-department" {
		t.Fatalf("the admin's grants: %v", by)
	}
	auditor.want(422, "invalid", "GET", "/audit/identity?cursor=AAAA", nil)
	if raw := auditor.want(200, "", "GET", "/audit/identity?limit=200", nil).raw; bytes.Contains(raw, []byte("guess-typed")) || bytes.Contains(raw, []byte(demoPassword)) {
		t.Fatal("a password is in the records")
	}
	res, err := http.Get(s.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	figures, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"sign_in", "sign_in_failed", "locked_out", "granted"} {
		if !strings.Contains(string(figures), fmt.Sprintf("zhiping_identity_events_total{kind=%q}", kind)) {
			t.Errorf("no figure counts %s", kind)
		}
	}
}

func TestSessionsCannotBeFixedStolenOrOutlived(t *testing.T) {
	s, pass := inside(t)
	nobody := &caller{s: s}
	login := map[string]any{"account": "applicant", "password": demoPassword}
	session := func() *caller { return s.as("applicant") }

	t.Run("a token that the browser brings along is not taken over", func(t *testing.T) {
		const planted = "attackerattackerattackerattackerattackerabc"
		in := nobody.want(200, "", "POST", "/auth/login", login, "Cookie", "zhiping_session="+planted)
		if in.str("accessToken") == planted || !strings.Contains(in.header.Get("Set-Cookie"), in.str("accessToken")) {
			t.Fatalf("%s", in.header.Get("Set-Cookie"))
		}
		nobody.want(401, "not_signed_in", "GET", "/me", nil, "Authorization", "Bearer "+planted)
	})
	t.Run("each sign-in makes a token of its own", func(t *testing.T) {
		if a, b := session(), session(); a.token == b.token {
			t.Fatal("two sessions share a token")
		}
	})
	t.Run("nothing but the token itself is one", func(t *testing.T) {
		good := session().token
		flipped := []byte(good)
		flipped[7] ^= 1
		for _, bad := range []string{string(flipped), good[:42], good + "A", strings.ToLower(good) + " ", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.", "null", "' OR 1=1 --"} {
			if a := nobody.do("GET", "/me", nil, "Authorization", "Bearer "+bad); a.status != 401 {
				t.Errorf("%q is let in: %d", bad, a.status)
			}
		}
		if a := nobody.do("GET", "/me?access_token="+good, nil); a.status != 401 {
			t.Errorf("a token in the address is taken: %d", a.status)
		}
	})
	t.Run("an ended session stays ended", func(t *testing.T) {
		keeper, other := session(), s.as("applicant2")
		ids := func() (all []string) {
			for _, open := range keeper.want(200, "", "GET", "/auth/sessions", nil).items("items") {
				all = append(all, open["id"].(string))
			}
			return all
		}
		before := ids()
		ended := session()
		added := slices.DeleteFunc(ids(), func(id string) bool { return slices.Contains(before, id) })
		if len(added) != 1 {
			t.Fatalf("%v", added)
		}
		other.want(404, "", "DELETE", "/auth/sessions/"+added[0], nil)
		ended.want(200, "", "GET", "/me", nil)
		keeper.want(204, "", "DELETE", "/auth/sessions/"+added[0], nil)
		ended.want(401, "not_signed_in", "GET", "/me", nil)
		keeper.want(200, "", "GET", "/me", nil)
	})
	t.Run("callers with the cookie send their own session's CSRF token", func(t *testing.T) {
		in, foreign := nobody.want(200, "", "POST", "/auth/login", login), nobody.want(200, "", "POST", "/auth/login", login)
		cookie := "zhiping_session=" + in.str("accessToken")
		for _, wrong := range []string{"", "x", foreign.str("csrfToken"), in.str("csrfToken") + "0"} {
			nobody.want(403, "csrf_token", "DELETE", "/bindings/current", nil, "Cookie", cookie, "X-CSRF-Token", wrong)
			nobody.want(403, "csrf_token", "POST", "/auth/logout", nil, "Cookie", cookie, "X-CSRF-Token", wrong)
		}
		if a := nobody.do("DELETE", "/bindings/current", nil, "Cookie", cookie, "X-CSRF-Token", in.str("csrfToken")); a.status == 403 {
			t.Fatalf("%s", a.raw)
		}
	})
	t.Run("a session that nobody uses ends, and so does one in use", func(t *testing.T) {
		idle, used := session(), session()
		pass(time.Hour)
		used.want(200, "", "GET", "/me", nil)
		pass(time.Hour)
		idle.want(401, "not_signed_in", "GET", "/me", nil)
		for range 9 {
			used.want(200, "", "GET", "/me", nil)
			pass(time.Hour)
		}
		used.want(200, "", "GET", "/me", nil)
		pass(time.Hour)
		used.want(401, "not_signed_in", "GET", "/me", nil)
	})
}

func TestAQRTicketServesOneBrowserOnce(t *testing.T) {
	s, pass := inside(t)
	nobody, phone, stranger := &caller{s: s}, s.as("applicant"), s.as("applicant2")
	ask := func() (path, cookie string) {
		t.Helper()
		a := nobody.want(200, "", "POST", "/auth/qr", nil)
		cookie, _, _ = strings.Cut(a.header.Get("Set-Cookie"), ";")
		return "/auth/qr/" + a.str("ticket"), cookie
	}
	status := func(path, cookie string) string {
		t.Helper()
		return nobody.want(200, "", "GET", path, nil, "Cookie", cookie).str("status")
	}
	path, cookie := ask()
	other, others := ask()
	phone.want(409, "qr_not_scanned", "POST", path+"/confirm", nil)
	phone.want(200, "", "POST", path+"/scan", nil)
	stranger.want(409, "qr_expired", "POST", path+"/scan", nil)
	stranger.want(409, "qr_expired", "POST", path+"/confirm", nil)
	phone.want(204, "", "POST", path+"/confirm", nil)
	phone.want(409, "qr_expired", "POST", path+"/confirm", nil)
	for name, stolen := range map[string]string{"no cookie": "", "another browser's": others, "a made-up one": "zhiping_qr=x"} {
		if got := status(path, stolen); got != "expired" {
			t.Errorf("with %s the ticket is %s", name, got)
		}
	}
	in := nobody.want(200, "", "GET", path, nil, "Cookie", cookie)
	if in.str("status") != "confirmed" || in.str("accessToken") == "" || in.str("accessToken") == phone.token {
		t.Fatalf("%s", in.raw)
	}
	for range 2 {
		if again := nobody.want(200, "", "GET", path, nil, "Cookie", cookie); again.str("status") != "expired" || again.str("accessToken") != "" {
			t.Fatalf("replayed: %s", again.raw)
		}
	}
	phone.want(409, "qr_expired", "POST", path+"/scan", nil)
	pass(2*time.Minute + time.Second)
	phone.want(409, "qr_expired", "POST", other+"/scan", nil)
	if got := status(other, others); got != "expired" {
		t.Fatalf("after two minutes the ticket is %s", got)
	}
}

func TestAnswersTellNobodyWhoHasAnAccount(t *testing.T) {
	s, pass := inside(t)
	nobody := &caller{s: s}
	const known, unknown = "13900000003", "13900000004"
	owner := member(s, known, "孙有号", "22010219010101003X")
	same := func(what, path string, body func(phone string) map[string]any) answer {
		t.Helper()
		a, b := nobody.do("POST", path, body(known)), nobody.do("POST", path, body(unknown))
		if a.status != b.status || !bytes.Equal(a.raw, b.raw) || a.header.Get("Retry-After") != b.header.Get("Retry-After") {
			t.Errorf("%s: %d %s, but %d %s", what, a.status, a.raw, b.status, b.raw)
		}
		return a
	}
	wrong := func(phone string) map[string]any {
		return map[string]any{"account": phone, "password": "some password 1"}
	}
	for range 6 { // the sixth is locked out, whether there is such an account or not
		same("sign-in", "/auth/login", wrong)
	}
	pass(time.Hour) // the minute between two codes, and the lock
	code := func(purpose string) func(string) map[string]any {
		return func(phone string) map[string]any { return map[string]any{"phone": phone, "purpose": purpose} }
	}
	same("a code to reset", "/auth/codes", code("reset"))
	right := s.sentCode(known)
	reset := func(code string) func(string) map[string]any {
		return func(phone string) map[string]any {
			return map[string]any{"phone": phone, "code": code, "newPassword": "another horse 订书机"}
		}
	}
	if a := same("a wrong code", "/auth/password/reset", reset(fmt.Sprintf("%06d", (atoi(t, right)+1)%1_000_000))); a.str("code") != "code_wrong" {
		t.Fatalf("%s", a.raw)
	}
	pass(2 * time.Minute)
	same("a code to register", "/auth/codes", code("register"))
	pass(3*time.Minute + time.Second)
	if a := same("an expired code", "/auth/password/reset", reset(right)); a.str("code") != "code_wrong" {
		t.Fatalf("a code of five minutes ago: %s", a.raw)
	}
	owner.want(200, "", "GET", "/me", nil)

	// A right code, in time, ends every session; five wrong ones end the code.
	nobody.want(202, "", "POST", "/auth/codes", code("reset")(known))
	var fresh string
	s.eventually("a second code", func() bool { fresh = s.sentCode(known); return fresh != right })
	nobody.want(204, "", "POST", "/auth/password/reset", reset(fresh)(known))
	owner.want(401, "not_signed_in", "GET", "/me", nil)
	if a := nobody.do("POST", "/auth/password/reset", reset(fresh)(known)); a.status != 422 {
		t.Fatalf("a code is good twice: %d", a.status)
	}
	auditor := s.as("auditor")
	var kinds []string
	for _, r := range auditor.want(200, "", "GET", "/audit/identity?limit=200", nil).items("items") {
		kinds = append(kinds, r["type"].(string))
	}
	for _, want := range []string{"registered", "code_sent", "code_failed", "password_reset", "locked_out"} {
		if !slices.Contains(kinds, want) {
			t.Errorf("no record of %s", want)
		}
	}
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A client that sends too slowly, in its headers or its body, is hung up on, and others are served meanwhile.
func TestSlowClientsAreHungUpOn(t *testing.T) {
	s, stop := host(t, &serveCmd{Data: t.TempDir(), Demo: true, readTimeout: time.Second})
	defer stop()
	for name, beginning := range map[string]string{
		"half a header": "GET /api/v1/lines HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"half a body":   "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		"nothing":       "",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, beginning); err != nil {
				t.Fatal(err)
			}
			(&caller{s: s}).want(200, "", "GET", "/auth/methods", nil)
			if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("the connection stays open")
			}
		})
	}
}

// Whatever is answered, browsers are told not to guess, frame or run what they get.
func TestEveryAnswerCarriesItsSafeguards(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--demo")
	person, nobody := s.as("applicant"), &caller{s: s}
	for name, a := range map[string]answer{
		"200": person.want(200, "", "GET", "/me", nil), "401": nobody.want(401, "", "GET", "/me", nil),
		"403": person.want(403, "", "GET", "/audit", nil), "404": person.want(404, "", "GET", "/nothing", nil),
		"405": person.want(405, "", "PATCH", "/me", nil), "400": person.want(400, "", "POST", "/bindings", []byte("{")),
		"422":  person.want(422, "", "POST", "/bindings", map[string]any{"uscc": 5}),
		"HEAD": person.want(200, "", "HEAD", "/me", nil),
	} {
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
			"Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
		} {
			if got := a.header.Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
		if a.header.Get("X-Request-ID") == "" || a.header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: %v", name, a.header)
		}
	}
}
