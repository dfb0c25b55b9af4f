package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"zhiping/infra/identity/sender"
)

// A code travels to the SMS gateway, signed, and lets its receiver register.
func TestCodesGoToTheGateway(t *testing.T) {
	const secret = "sixteen bytes at least"
	codes := make(chan string, 1)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var m struct {
			Phone, Kind string
			Args        map[string]any
		}
		if err != nil || json.Unmarshal(body, &m) != nil || m.Phone != "13900000002" || m.Kind != "code.register" ||
			r.Header.Get("X-Zhiping-Signature") != "v1="+sender.Sign([]byte(secret), r.Header.Get("X-Zhiping-Timestamp"), body) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		code, _ := m.Args["code"].(string)
		codes <- code
	}))
	defer gateway.Close()
	s := start(t, t.TempDir(), "--demo", "--sms-webhook", gateway.URL, "--sms-secret", secret)
	nobody := &caller{s: s}
	nobody.want(202, "", "POST", "/auth/codes", map[string]any{"phone": "13900000002", "purpose": "register"})
	nobody.want(201, "", "POST", "/auth/register", map[string]any{"phone": "13900000002", "code": <-codes,
		"password": "correct horse 电池", "name": "赵新", "idNumber": "22010219010101003X"})
	if strings.Contains(s.log.String(), secret) {
		t.Fatal("the gateway's secret is in the log")
	}
}

func TestSendersAreCheckedAtTheStart(t *testing.T) {
	for want, c := range map[string]serveCmd{
		"only one":             {SMS: smsFlags{Webhook: "https://x"}, SMTP: smtpFlags{Host: "x"}},
		"https only":           {SMS: smsFlags{Webhook: "http://gateway.example", Secret: strings.Repeat("s", 16)}},
		"16 bytes":             {SMS: smsFlags{Webhook: "https://gateway.example", Secret: "short"}},
		"needs --smtp-gateway": {SMTP: smtpFlags{Host: "x", From: "a@b.c"}},
		"address":              {SMTP: smtpFlags{Host: "x", Gateway: "sms.example", From: "nobody"}},
		"without TLS":          {SMTP: smtpFlags{Host: "x", Gateway: "sms.example", From: "a@b.c", Username: "u", Password: "p", TLS: "none"}},
	} {
		if _, err := c.sender(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
