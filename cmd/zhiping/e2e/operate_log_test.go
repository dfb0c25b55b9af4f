package e2e

import (
	"net/http"
	"strings"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
)

// What a request leaves in the log names it, and a start says little.
func TestTheLogNamesRequestsAndKeepsQuiet(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo")
	for _, noise := range []string{"account_seeded", "Adding handler", "Starting handler"} {
		if strings.Contains(s.Log.String(), noise) {
			t.Errorf("the start logs %s", noise)
		}
	}
	nobody := &world.Caller{Server: s}
	nobody.Want(http.StatusUnauthorized, "", "POST", "/auth/login", map[string]any{"account": "applicant", "password": "wrong"}, "X-Request-ID", "failed-sign-in-7")
	s.Eventually("logged the request", func() bool {
		for line := range strings.Lines(s.Log.String()) {
			if strings.Contains(line, "correlationId=failed-sign-in-7") {
				return true
			}
		}
		return false
	})
	s.Stop()
}
