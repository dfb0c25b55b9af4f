package http

import (
	"regexp"
	"strings"
	"testing"
)

// The page of routes runs under the policy that every answer carries: all that it loads is here, and nothing is inline.
func TestThePageOfRoutesKeepsToItsPolicy(t *testing.T) {
	s, _ := edge(t, nil)
	status, page, header := ask(t, s, "GET", "/docs", nil)
	policy := header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'self';", "img-src 'self' data:;", "object-src 'none';"} {
		if !strings.Contains(policy, want) {
			t.Errorf("no %s in %s", want, policy)
		}
	}
	if status != 200 || strings.Contains(policy, "unsafe") || regexp.MustCompile(`(?i)<style|\son[a-z]+=|\sstyle=|<script[^>]*>[^<]`).MatchString(page) {
		t.Fatalf("%d, something inline: %s", status, page)
	}
	loaded := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(loaded) < 2 {
		t.Fatalf("%v", loaded)
	}
	for _, l := range loaded {
		if status, _, _ := ask(t, s, "GET", l[1], nil); status != 200 || !strings.HasPrefix(l[1], "/") {
			t.Errorf("%s: %d", l[1], status)
		}
	}
	if _, script, header := ask(t, s, "GET", "/docs?script=1", nil); !strings.Contains(header.Get("Content-Type"), "javascript") || strings.Contains(script, "innerHTML") || strings.Contains(script, "eval(") {
		t.Fatalf("%v", header)
	}
}
