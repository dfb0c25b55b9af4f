package http

import (
	"net/netip"
	"strings"
	"testing"
)

var ours = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("0.0.0.0/32")}

func trusted(ip netip.Addr) bool { return (&Server{Config: Config{TrustedProxies: ours}}).trusts(ip) }

func TestTheClientIsWhomTheLastProxySaw(t *testing.T) {
	for _, ex := range []struct {
		peer  string
		lines []string
		want  string
	}{
		{"10.0.0.1", nil, "10.0.0.1"},
		{"10.0.0.1", []string{"203.0.113.9"}, "203.0.113.9"},
		{"10.0.0.1", []string{"198.51.100.1, 203.0.113.9, 10.1.1.1"}, "203.0.113.9"},
		{"10.0.0.1", []string{"198.51.100.1", "203.0.113.9"}, "203.0.113.9"}, // a proxy that adds a line of its own
		{"10.0.0.1", []string{"198.51.100.1, 198.51.100.2", "203.0.113.9", "10.1.1.1"}, "203.0.113.9"},
		{"10.0.0.1", []string{"203.0.113.9", ""}, "10.0.0.1"},
		{"10.0.0.1", []string{"203.0.113.9", "nonsense"}, "10.0.0.1"},
		{"10.0.0.1", []string{"203.0.113.9,"}, "10.0.0.1"},
		{"::ffff:10.0.0.1", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"fd00::1", []string{"2001:db8::9%eth0"}, "2001:db8::9"},
		{"192.0.2.1", []string{"203.0.113.9"}, "192.0.2.1"}, // who is no proxy of ours is believed nothing
	} {
		if got := client(netip.MustParseAddr(ex.peer), ex.lines, trusted).String(); got != ex.want {
			t.Errorf("%s with %q: %s, want %s", ex.peer, ex.lines, got, ex.want)
		}
	}
}

// All lines of the header reach the walk, in their order.
func TestEveryLineOfTheHeaderCounts(t *testing.T) {
	s, _ := edge(t, func(c *Config) { c.TrustedProxies, c.Limits.AddressPerMinute = ours, 1 })
	twoLines := func(forged, seen string) int {
		// The tests' requests come from 0.0.0.0, which is trusted above.
		status, _, _ := ask(t, s, "GET", "/api/v1/auth/methods", nil, "x-forwarded-for", forged, "x-forwarded-for", seen)
		return status
	}
	if got := twoLines("198.51.100.1", "203.0.113.9"); got != 200 {
		t.Fatalf("%d", got)
	}
	if got := twoLines("198.51.100.2", "203.0.113.9"); got != 429 {
		t.Fatalf("another forged address is another caller: %d", got)
	}
	if got := twoLines("198.51.100.2", "203.0.113.10"); got != 200 {
		t.Fatalf("another client is limited: %d", got)
	}
}

// Whatever a client sends along, what the proxies add behind it decides.
func FuzzForwardedFor(f *testing.F) {
	for _, s := range []string{"", "203.0.113.9", "198.51.100.1, 10.0.0.1", "10.0.0.1,,", "::1%\"", "[::1]:80", ",\n,", "203.0.113.9:80", "unknown"} {
		f.Add(s, s, false)
		f.Add(s, "1.2.3.4", true)
	}
	proxy, seen := netip.MustParseAddr("10.9.9.9"), "203.0.113.77"
	f.Fuzz(func(t *testing.T, first, second string, joined bool) {
		sent := []string{first, second}
		for _, added := range [][]string{{seen}, {seen + ", 10.1.1.1"}, {seen, "10.1.1.1"}, {seen, "10.1.1.1", "fd00::1"}} {
			lines := append(append([]string{}, sent...), added...)
			if joined {
				lines = []string{strings.Join(lines, ", ")}
			}
			if got := client(proxy, lines, trusted).String(); got != seen {
				t.Fatalf("%q: %s", lines, got)
			}
		}
		stranger := netip.MustParseAddr("192.0.2.1")
		if got := client(stranger, sent, trusted); got != stranger {
			t.Fatalf("%q is believed: %s", sent, got)
		}
		if got := client(proxy, sent, trusted); !got.IsValid() || got.Zone() != "" {
			t.Fatalf("%q: %v", sent, got)
		}
	})
}
