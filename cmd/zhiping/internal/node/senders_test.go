package node

import (
	"strings"
	"testing"
)

func TestSendersAreCheckedAtTheStart(t *testing.T) {
	for want, c := range map[string]Options{
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
