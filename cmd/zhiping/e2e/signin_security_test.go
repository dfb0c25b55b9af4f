package e2e

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

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/cmd/zhiping/internal/demo"
	"zhiping/cmd/zhiping/internal/node"
)

// loginFrom signs in from another address of this machine, as a stranger elsewhere would.
func loginFrom(s *world.Server, address, account, password string) world.Answer {
	s.T.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).DialContext}}
	body, err := json.Marshal(map[string]any{"account": account, "password": password})
	if err != nil {
		s.T.Fatal(err)
	}
	res, err := client.Post(s.URL+"/api/v1/auth/login", "application/json", bytes.NewReader(body))
	if err != nil {
		s.T.Fatal(err)
	}
	defer res.Body.Close()
	a := world.Answer{Status: res.StatusCode, Header: res.Header}
	if a.Raw, err = io.ReadAll(res.Body); err != nil {
		s.T.Fatal(err)
	}
	_ = json.Unmarshal(a.Raw, &a.Body)
	return a
}

// retryAfter is how many seconds a locked-out caller is told to wait.
func retryAfter(a world.Answer) int {
	n, _ := strconv.Atoi(a.Header.Get("Retry-After"))
	return n
}

func TestGuessingIsSlowedAndLocksNobodyElseOut(t *testing.T) {
	s, pass := world.StartInProcess(t)
	s.As("department") // the owner's own network is known from here on
	const stranger = "127.0.0.2"
	guess := func(from string) world.Answer { return loginFrom(s, from, "department", "guess-typed-here-1") }
	for range 5 {
		if a := guess(stranger); a.Status != http.StatusUnauthorized || a.Str("code") != "bad_credentials" {
			t.Fatalf("%d %s", a.Status, a.Raw)
		}
	}
	locked := guess(stranger)
	if locked.Status != http.StatusTooManyRequests || locked.Str("code") != "locked_out" || retryAfter(locked) < 1 {
		t.Fatalf("the sixth guess: %d %s", locked.Status, locked.Raw)
	}
	if right := loginFrom(s, stranger, "department", demo.Password); right.Status != http.StatusTooManyRequests {
		t.Fatalf("a locked-out guesser learns that the password is right: %d", right.Status)
	}
	s.As("department")
	s.As("applicant") // nor are others who sign in from the owner's address

	// Each further failure locks for twice as long, up to a quarter of an hour.
	for wait, n := retryAfter(locked), 0; n < 6; n++ {
		pass(time.Duration(wait) * time.Second)
		if a := guess(stranger); a.Status != http.StatusUnauthorized {
			t.Fatalf("after the lock: %d %s", a.Status, a.Raw)
		}
		next := retryAfter(guess(stranger))
		if want := min(2*wait, 15*60); next < want-1 || next > want+1 {
			t.Fatalf("locked for %d s after %d s", next, wait)
		}
		wait = next
	}

	// Guesses from everywhere: the account is slowed for strangers, a minute at most, and not for its owner.
	longest := 0
	for i := 3; i < 30; i++ {
		longest = max(longest, retryAfter(guess("127.0.0."+strconv.Itoa(i))))
	}
	if longest == 0 || longest > 60 {
		t.Fatalf("strangers are locked out of the account for %d s", longest)
	}
	s.As("department")
	if a := loginFrom(s, "127.0.0.99", "department", demo.Password); a.Status != http.StatusTooManyRequests {
		t.Fatalf("a new network is let in at once while the account is guessed at: %d", a.Status)
	}
	pass(time.Minute)
	if a := loginFrom(s, "127.0.0.99", "department", demo.Password); a.Status != http.StatusOK {
		t.Fatalf("the owner on a new network is still locked out: %d %s", a.Status, a.Raw)
	}
	auditsIdentity(t, s)
}

// auditsIdentity looks at what the guessing left behind.
func auditsIdentity(t *testing.T, s *world.Server) {
	auditor, admin := s.As("auditor"), s.As("admin")
	victim := s.As("department").Want(200, "", "GET", "/me", nil).Str("id")
	list := func(query string) []map[string]any {
		t.Helper()
		var all []map[string]any
		for cursor := ""; ; {
			page := auditor.Want(200, "", "GET", "/audit/identity?limit=7&"+query+cursor, nil)
			all = append(all, page.Items("items")...)
			if page.Str("next") == "" {
				return all
			}
			cursor = "&cursor=" + page.Str("next")
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
	granter := admin.Want(200, "", "GET", "/me", nil).Str("id")
	admin.Want(200, "", "POST", "/organizations/demo-department/officers", map[string]any{"account": "applicant2"})
	if by := list("actor=" + granter); len(by) != 1 || by[0]["type"] != "granted" || by[0]["detail"] != "department@demo-department" {
		t.Fatalf("the admin's grants: %v", by)
	}
	auditor.Want(422, "invalid", "GET", "/audit/identity?cursor=AAAA", nil)
	if raw := auditor.Want(200, "", "GET", "/audit/identity?limit=200", nil).Raw; bytes.Contains(raw, []byte("guess-typed")) || bytes.Contains(raw, []byte(demo.Password)) {
		t.Fatal("a password is in the records")
	}
	res, err := http.Get(s.URL + "/metrics")
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
	s, pass := world.StartInProcess(t)
	nobody := &world.Caller{Server: s}
	login := map[string]any{"account": "applicant", "password": demo.Password}
	session := func() *world.Caller { return s.As("applicant") }

	t.Run("a token that the browser brings along is not taken over", func(t *testing.T) {
		const planted = "attackerattackerattackerattackerattackerabc"
		in := nobody.Want(200, "", "POST", "/auth/login", login, "Cookie", "zhiping_session="+planted)
		if in.Str("accessToken") == planted || !strings.Contains(in.Header.Get("Set-Cookie"), in.Str("accessToken")) {
			t.Fatalf("%s", in.Header.Get("Set-Cookie"))
		}
		nobody.Want(401, "not_signed_in", "GET", "/me", nil, "Authorization", "Bearer "+planted)
	})
	t.Run("each sign-in makes a token of its own", func(t *testing.T) {
		if a, b := session(), session(); a.Token == b.Token {
			t.Fatal("two sessions share a token")
		}
	})
	t.Run("nothing but the token itself is one", func(t *testing.T) {
		good := session().Token
		flipped := []byte(good)
		flipped[7] ^= 1
		for _, bad := range []string{string(flipped), good[:42], good + "A", strings.ToLower(good) + " ", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.", "null", "' OR 1=1 --"} {
			if a := nobody.Do("GET", "/me", nil, "Authorization", "Bearer "+bad); a.Status != 401 {
				t.Errorf("%q is let in: %d", bad, a.Status)
			}
		}
		if a := nobody.Do("GET", "/me?access_token="+good, nil); a.Status != 401 {
			t.Errorf("a token in the address is taken: %d", a.Status)
		}
	})
	t.Run("an ended session stays ended", func(t *testing.T) {
		keeper, other := session(), s.As("applicant2")
		ids := func() (all []string) {
			for _, open := range keeper.Want(200, "", "GET", "/auth/sessions", nil).Items("items") {
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
		other.Want(404, "", "DELETE", "/auth/sessions/"+added[0], nil)
		ended.Want(200, "", "GET", "/me", nil)
		keeper.Want(204, "", "DELETE", "/auth/sessions/"+added[0], nil)
		ended.Want(401, "not_signed_in", "GET", "/me", nil)
		keeper.Want(200, "", "GET", "/me", nil)
	})
	t.Run("callers with the cookie send their own session's CSRF token", func(t *testing.T) {
		in, foreign := nobody.Want(200, "", "POST", "/auth/login", login), nobody.Want(200, "", "POST", "/auth/login", login)
		cookie := "zhiping_session=" + in.Str("accessToken")
		for _, wrong := range []string{"", "x", foreign.Str("csrfToken"), in.Str("csrfToken") + "0"} {
			nobody.Want(403, "csrf_token", "DELETE", "/bindings/current", nil, "Cookie", cookie, "X-CSRF-Token", wrong)
			nobody.Want(403, "csrf_token", "POST", "/auth/logout", nil, "Cookie", cookie, "X-CSRF-Token", wrong)
		}
		if a := nobody.Do("DELETE", "/bindings/current", nil, "Cookie", cookie, "X-CSRF-Token", in.Str("csrfToken")); a.Status == 403 {
			t.Fatalf("%s", a.Raw)
		}
	})
	t.Run("a session that nobody uses ends, and so does one in use", func(t *testing.T) {
		idle, used := session(), session()
		pass(time.Hour)
		used.Want(200, "", "GET", "/me", nil)
		pass(time.Hour)
		idle.Want(401, "not_signed_in", "GET", "/me", nil)
		for range 9 {
			used.Want(200, "", "GET", "/me", nil)
			pass(time.Hour)
		}
		used.Want(200, "", "GET", "/me", nil)
		pass(time.Hour)
		used.Want(401, "not_signed_in", "GET", "/me", nil)
	})
}

func TestAQRTicketServesOneBrowserOnce(t *testing.T) {
	s, pass := world.StartInProcess(t)
	nobody, phone, stranger := &world.Caller{Server: s}, s.As("applicant"), s.As("applicant2")
	ask := func() (path, cookie string) {
		t.Helper()
		a := nobody.Want(200, "", "POST", "/auth/qr", nil)
		cookie, _, _ = strings.Cut(a.Header.Get("Set-Cookie"), ";")
		return "/auth/qr/" + a.Str("ticket"), cookie
	}
	status := func(path, cookie string) string {
		t.Helper()
		return nobody.Want(200, "", "GET", path, nil, "Cookie", cookie).Str("status")
	}
	path, cookie := ask()
	other, others := ask()
	phone.Want(409, "qr_not_scanned", "POST", path+"/confirm", nil)
	phone.Want(200, "", "POST", path+"/scan", nil)
	stranger.Want(409, "qr_expired", "POST", path+"/scan", nil)
	stranger.Want(409, "qr_expired", "POST", path+"/confirm", nil)
	phone.Want(204, "", "POST", path+"/confirm", nil)
	phone.Want(409, "qr_expired", "POST", path+"/confirm", nil)
	for name, stolen := range map[string]string{"no cookie": "", "another browser's": others, "a made-up one": "zhiping_qr=x"} {
		if got := status(path, stolen); got != "expired" {
			t.Errorf("with %s the ticket is %s", name, got)
		}
	}
	in := nobody.Want(200, "", "GET", path, nil, "Cookie", cookie)
	if in.Str("status") != "confirmed" || in.Str("accessToken") == "" || in.Str("accessToken") == phone.Token {
		t.Fatalf("%s", in.Raw)
	}
	for range 2 {
		if again := nobody.Want(200, "", "GET", path, nil, "Cookie", cookie); again.Str("status") != "expired" || again.Str("accessToken") != "" {
			t.Fatalf("replayed: %s", again.Raw)
		}
	}
	phone.Want(409, "qr_expired", "POST", path+"/scan", nil)
	pass(2*time.Minute + time.Second)
	phone.Want(409, "qr_expired", "POST", other+"/scan", nil)
	if got := status(other, others); got != "expired" {
		t.Fatalf("after two minutes the ticket is %s", got)
	}
}

func TestAnswersTellNobodyWhoHasAnAccount(t *testing.T) {
	s, pass := world.StartInProcess(t)
	nobody := &world.Caller{Server: s}
	const known, unknown = "13900000003", "13900000004"
	owner := world.Register(s, known, "孙有号", "22010219010101003X")
	same := func(what, path string, body func(phone string) map[string]any) world.Answer {
		t.Helper()
		a, b := nobody.Do("POST", path, body(known)), nobody.Do("POST", path, body(unknown))
		if a.Status != b.Status || !bytes.Equal(a.Raw, b.Raw) || a.Header.Get("Retry-After") != b.Header.Get("Retry-After") {
			t.Errorf("%s: %d %s, but %d %s", what, a.Status, a.Raw, b.Status, b.Raw)
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
	right := s.SentCode(known)
	reset := func(code string) func(string) map[string]any {
		return func(phone string) map[string]any {
			return map[string]any{"phone": phone, "code": code, "newPassword": "another horse 订书机"}
		}
	}
	if a := same("a wrong code", "/auth/password/reset", reset(fmt.Sprintf("%06d", (atoi(t, right)+1)%1_000_000))); a.Str("code") != "code_wrong" {
		t.Fatalf("%s", a.Raw)
	}
	pass(2 * time.Minute)
	same("a code to register", "/auth/codes", code("register"))
	pass(3*time.Minute + time.Second)
	if a := same("an expired code", "/auth/password/reset", reset(right)); a.Str("code") != "code_wrong" {
		t.Fatalf("a code of five minutes ago: %s", a.Raw)
	}
	owner.Want(200, "", "GET", "/me", nil)

	// A right code, in time, ends every session; five wrong ones end the code.
	nobody.Want(202, "", "POST", "/auth/codes", code("reset")(known))
	var fresh string
	s.Eventually("a second code", func() bool { fresh = s.SentCode(known); return fresh != right })
	nobody.Want(204, "", "POST", "/auth/password/reset", reset(fresh)(known))
	owner.Want(401, "not_signed_in", "GET", "/me", nil)
	if a := nobody.Do("POST", "/auth/password/reset", reset(fresh)(known)); a.Status != 422 {
		t.Fatalf("a code is good twice: %d", a.Status)
	}
	auditor := s.As("auditor")
	var kinds []string
	for _, r := range auditor.Want(200, "", "GET", "/audit/identity?limit=200", nil).Items("items") {
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
	s, stop := world.StartInProcessWith(t, &node.Options{Data: t.TempDir(), Demo: true, ReadTimeout: time.Second})
	defer stop()
	for name, beginning := range map[string]string{
		"half a header": "GET /api/v1/lines HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"half a body":   "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		"nothing":       "",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, beginning); err != nil {
				t.Fatal(err)
			}
			(&world.Caller{Server: s}).Want(200, "", "GET", "/auth/methods", nil)
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
	s := world.Start(t, t.TempDir(), "--demo")
	person, nobody := s.As("applicant"), &world.Caller{Server: s}
	for name, a := range map[string]world.Answer{
		"200": person.Want(200, "", "GET", "/me", nil), "401": nobody.Want(401, "", "GET", "/me", nil),
		"403": person.Want(403, "", "GET", "/audit", nil), "404": person.Want(404, "", "GET", "/nothing", nil),
		"405": person.Want(405, "", "PATCH", "/me", nil), "400": person.Want(400, "", "POST", "/bindings", []byte("{")),
		"422":  person.Want(422, "", "POST", "/bindings", map[string]any{"uscc": 5}),
		"HEAD": person.Want(200, "", "HEAD", "/me", nil),
	} {
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
			"Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
		} {
			if got := a.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
		if a.Header.Get("X-Request-ID") == "" || a.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: %v", name, a.Header)
		}
	}
}
