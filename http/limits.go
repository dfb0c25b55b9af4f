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
	AddressPerMinute int // requests of an address, whoever is signed in there; counted before anything else is done
	PerMinute        int // requests of an account, or of an address that nobody is signed in at
	SignInsPerMinute int // requests that sign somebody in, or try to, of an address
	// Shared keeps the counts of sign-ins where all nodes see them; nil for this process only. The other requests are
	// counted by each node for itself: a look-up elsewhere would cost more than most of them.
	Shared fiber.Storage
}

var errTooManyRequests = domain.NewError(domain.Limited, "too_many_requests")

// limit sets up the limits: one stands before all routes, the others before those that guard puts them.
func (s *Server) limit() {
	limiterOf := func(most int, shared fiber.Storage, key func(*fiber.Ctx) string) fiber.Handler {
		return limiter.New(limiter.Config{
			Max: most, Expiration: time.Minute, KeyGenerator: key, Storage: shared, LimiterMiddleware: limiter.SlidingWindow{}, LimitReached: s.limited,
		})
	}
	if most := s.Limits.AddressPerMinute; most > 0 {
		count := limiterOf(most, nil, byAddress)
		s.app.Use(func(c *fiber.Ctx) error {
			if forOperators(c) {
				return c.Next()
			}
			return count(c)
		})
	}
	if most := s.Limits.PerMinute; most > 0 {
		s.callers = limiterOf(most, nil, byCaller)
	}
	if most := s.Limits.SignInsPerMinute; most > 0 {
		// This node's own count comes first: it costs nothing, and holds while the shared one cannot be read.
		s.signIns = append(s.signIns, limiterOf(most, nil, byAddress))
		if s.Limits.Shared != nil {
			s.signIns = append(s.signIns, limiterOf(most, s.Limits.Shared, byAddress))
		}
	}
}

// limited answers with how long to wait, which the limiter knows.
func (s *Server) limited(c *fiber.Ctx) error {
	seconds := c.GetRespHeader(fiber.HeaderRetryAfter)
	if seconds == "" {
		seconds = "60"
	}
	return s.write(c, errTooManyRequests.With(text.Args{"seconds": seconds}))
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
