package main

import (
	"net/http"
	"strings"
	"testing"
)

// What a request leaves in the log names it, and a start says little.
func TestTheLogNamesRequestsAndKeepsQuiet(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--demo")
	for _, noise := range []string{"account_seeded", "Adding handler", "Starting handler"} {
		if strings.Contains(s.log.String(), noise) {
			t.Errorf("the start logs %s", noise)
		}
	}
	nobody := &caller{s: s}
	nobody.want(http.StatusUnauthorized, "", "POST", "/auth/login", map[string]any{"account": "applicant", "password": "wrong"}, "X-Request-ID", "failed-sign-in-7")
	s.eventually("logged the request", func() bool {
		for line := range strings.Lines(s.log.String()) {
			if strings.Contains(line, "correlationId=failed-sign-in-7") {
				return true
			}
		}
		return false
	})
	s.stop()
}
