package http

import (
	"time"

	"github.com/gofiber/fiber/v2"
)

// The cookies by their plain names. A session's goes to the portal, the others bind a sign-in to the browser that began it.
const (
	sessionCookie = "zhiping_session"
	qrCookie      = "zhiping_qr"
	openIDCookie  = "zhiping_openid"
)

// cookieName is what a cookie is called. Where browsers come by TLS, its prefix has them take it from this very site
// and by TLS only: neither a neighbour below the same domain nor somebody on the line can plant one.
func (s *Server) cookieName(plain string) string {
	if s.Secure {
		return "__Host-" + plain
	}
	return plain
}

func (s *Server) cookie(c *fiber.Ctx, plain string) string { return c.Cookies(s.cookieName(plain)) }

// setCookie sets one that ends with the browser, or at a time if that is not zero.
func (s *Server) setCookie(c *fiber.Ctx, plain, value, sameSite string, expires time.Time) {
	c.Cookie(&fiber.Cookie{Name: s.cookieName(plain), Value: value, Path: "/", Expires: expires, HTTPOnly: true, Secure: s.Secure, SameSite: sameSite})
}

// clearCookie ends one. Browsers heed it only if it is as the prefix demands.
func (s *Server) clearCookie(c *fiber.Ctx, plain string) {
	c.Cookie(&fiber.Cookie{Name: s.cookieName(plain), Path: "/", Expires: time.Unix(1, 0), MaxAge: -1, HTTPOnly: true, Secure: s.Secure})
}
