package http

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// clientIP is who is at the other end.
func (s *Server) clientIP(c *fiber.Ctx) string {
	peer, ok := netip.AddrFromSlice(c.Context().RemoteIP())
	if !ok {
		return ""
	}
	var lines []string
	for _, line := range c.Request().Header.PeekAll(fiber.HeaderXForwardedFor) {
		lines = append(lines, string(line))
	}
	return client(peer, lines, s.trusts).String()
}

// client finds the caller behind proxies. Each trusted proxy adds the address that it was called from at the end of
// X-Forwarded-For, or as a line of its own behind those that came (RFC 9110, section 5.2, takes both for the same), so the
// last address that is no proxy of ours is the client; what stands before it, anybody may have made up.
func client(peer netip.Addr, lines []string, trusts func(netip.Addr) bool) netip.Addr {
	found := peer.Unmap().WithZone("")
	if !trusts(found) {
		return found
	}
	for _, given := range slices.Backward(strings.Split(strings.Join(lines, ","), ",")) {
		ip, err := netip.ParseAddr(strings.TrimSpace(given))
		if err != nil {
			break
		}
		if found = ip.Unmap().WithZone(""); !trusts(found) {
			break
		}
	}
	return found
}

func (s *Server) trusts(ip netip.Addr) bool {
	return slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(ip) })
}
