package http

import (
	_ "embed"

	"github.com/gofiber/fiber/v2"
)

// docsPage shows /openapi.json to people. It loads nothing from anywhere else.
//
//go:embed docs.html
var docsPage []byte

//go:embed docs.js
var docsScript []byte

func docs(c *fiber.Ctx) error {
	if c.Query("script") != "" {
		return c.Type("js").Send(docsScript)
	}
	return c.Type("html").Send(docsPage)
}
