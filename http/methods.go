package http

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// unrouted answers what no route took: 405 with the methods that the path does take, or 404 (RFC 9110, section 15.5.6).
func (s *Server) unrouted(c *fiber.Ctx) error {
	var allow []string
	for _, routes := range s.app.Stack() {
		for _, r := range routes {
			if r.Path != "/" && fits(r.Path, c.Path()) && !slices.Contains(allow, r.Method) {
				allow = append(allow, r.Method)
			}
		}
	}
	if len(allow) == 0 {
		return fiber.ErrNotFound
	}
	if slices.Contains(allow, fiber.MethodGet) && !slices.Contains(allow, fiber.MethodHead) {
		allow = append(allow, fiber.MethodHead)
	}
	slices.Sort(allow)
	c.Set(fiber.HeaderAllow, strings.Join(allow, ", "))
	return fiber.ErrMethodNotAllowed
}

// fits tells whether a path is one of a pattern's, segment by segment; :name stands for any segment.
func fits(pattern, path string) bool {
	p, q := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(p) != len(q) {
		return false
	}
	for i := range p {
		if anything := strings.HasPrefix(p[i], ":") && q[i] != ""; p[i] != q[i] && !anything {
			return false
		}
	}
	return true
}
