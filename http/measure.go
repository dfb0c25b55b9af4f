package http

import "github.com/gofiber/fiber/v2"

// measure tells the observers of a request while it is being answered, and once it is.
func (s *Server) measure(c *fiber.Ctx) error {
	started := s.Clock()
	s.InFlight(1)
	defer s.InFlight(-1)
	err := c.Next()
	s.Request(c.Method(), c.Route().Path, c.Response().StatusCode(), s.Clock().Sub(started))
	return err
}
