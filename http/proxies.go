package http

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// clientIP is who is at the other end. Each trusted proxy adds the address that it was called from at the end of
// X-Forwarded-For, so the last one that is no proxy of ours is the client; what stands before it, anybody may have made up.
func (s *Server) clientIP(c *fiber.Ctx) string {
	peer, ok := netip.AddrFromSlice(c.Context().RemoteIP())
	if !ok {
		return ""
	}
	client := peer.Unmap()
	if !s.trusts(client) {
		return client.String()
	}
	for _, given := range slices.Backward(strings.Split(c.Get(fiber.HeaderXForwardedFor), ",")) {
		ip, err := netip.ParseAddr(strings.TrimSpace(given))
		if err != nil {
			break
		}
		if client = ip.Unmap(); !s.trusts(client) {
			break
		}
	}
	return client.String()
}

func (s *Server) trusts(ip netip.Addr) bool {
	return slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(ip) })
}
