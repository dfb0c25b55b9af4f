package http

import (
	"net/netip"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/cors"
	"github.com/gofiber/fiber/v2/middleware/limiter"

	"zhiping/domain"
	"zhiping/domain/text"
)

// Limits bound how often somebody may call; zero means no bound.
type Limits struct {
	PerMinute        int // requests of an account, or of an address that nobody is signed in at
	SignInsPerMinute int // requests that sign somebody in, or try to, of an address
	// Shared keeps the counts of sign-ins where all nodes see them; nil for this process only. The other requests are
	// counted by each node for itself: a look-up elsewhere would cost more than most of them.
	Shared fiber.Storage
}

var errTooManyRequests = domain.NewError(domain.Limited, "too_many_requests")

// limiters are the handlers that stand before all routes.
func (s *Server) limiters() []fiber.Handler {
	var handlers []fiber.Handler
	limit := func(most int, shared fiber.Storage, key func(*fiber.Ctx) string, skip func(*fiber.Ctx) bool) {
		if most <= 0 {
			return
		}
		handlers = append(handlers, limiter.New(limiter.Config{
			Max: most, Expiration: time.Minute, KeyGenerator: key, Next: skip, Storage: shared, LimiterMiddleware: limiter.SlidingWindow{},
			LimitReached: s.limited,
		}))
	}
	limit(s.Limits.PerMinute, nil, byCaller, func(c *fiber.Ctx) bool { return !strings.HasPrefix(c.Path(), "/api/") })
	limit(s.Limits.SignInsPerMinute, s.Limits.Shared, byAddress, func(c *fiber.Ctx) bool { return !signsIn(c) })
	return handlers
}

// limited answers with how long to wait, which the limiter knows.
func (s *Server) limited(c *fiber.Ctx) error {
	seconds := c.GetRespHeader(fiber.HeaderRetryAfter)
	if seconds == "" {
		seconds = "60"
	}
	return s.write(c, errTooManyRequests.With(text.Args{"seconds": seconds}))
}

// signsIn tells whether a request tries to become somebody, or makes us send something.
func signsIn(c *fiber.Ctx) bool {
	path, ok := strings.CutPrefix(c.Path(), "/api/v1/auth/")
	if !ok || requestOf(c.UserContext()).signedIn {
		return false
	}
	return c.Method() == fiber.MethodPost || strings.HasPrefix(path, "openid")
}

func byCaller(c *fiber.Ctx) string {
	if rq := requestOf(c.UserContext()); rq.signedIn {
		return "account " + rq.actor.ID
	}
	return byAddress(c)
}

// byAddress takes the network of an IPv6 address for one caller, who has all of its 2^64 addresses.
func byAddress(c *fiber.Ctx) string {
	address := requestOf(c.UserContext()).ip
	if ip, err := netip.ParseAddr(address); err == nil && ip.Is6() {
		if network, err := ip.Prefix(64); err == nil {
			address = network.String()
		}
	}
	return "address " + address
}

// otherSites lets the pages of named sites call (the Fetch standard's CORS protocol).
func (s *Server) otherSites() fiber.Handler {
	return cors.New(cors.Config{
		AllowOrigins: strings.Join(s.Origins, ","), AllowCredentials: true, MaxAge: 600,
		AllowHeaders:  "Accept-Language,Authorization,Content-Type,Idempotency-Key,If-Match,If-None-Match,Last-Event-ID,X-After-Position,X-CSRF-Token,X-Request-ID",
		ExposeHeaders: "ETag,Location,Retry-After,X-CSRF-Token,X-Logout-URL,X-Parked,X-Position,X-Request-ID",
	})
}
