package http

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/cors"
	"github.com/gofiber/fiber/v2/middleware/limiter"

	"zhiping/domain"
	"zhiping/domain/text"
)

// Limits bound how often somebody may call; zero means no bound. Each node counts for itself, which costs next to nothing and
// holds whatever else is away. The other fields say what is counted over all nodes beside that; nil for this process only.
type Limits struct {
	AddressPerMinute int // requests of an address, whoever is signed in there; counted before anything else is done
	PerMinute        int // requests of an account, or of an address that nobody is signed in at
	SignInsPerMinute int // requests that sign somebody in, or try to, of an address
	// Addresses and Callers are AddressPerMinute and PerMinute over all nodes.
	Addresses, Callers Counter
	// SignIns keeps the counts of sign-ins where all nodes see them, and is asked before each one.
	SignIns fiber.Storage
}

// Counter counts requests over all nodes without asking them. Safe for concurrent use; it must not block.
type Counter interface {
	// Take counts a request of a caller and answers 0, or answers how long to wait until one is taken again.
	Take(caller string) (wait time.Duration)
}

var errTooManyRequests = domain.ErrTooManyRequests

// limit sets up the limits: one stands before all routes, the others before those that guard puts them. This node's own count
// comes first each time.
func (s *Server) limit() {
	limiterOf := func(most int, shared fiber.Storage, key func(*fiber.Ctx) string) fiber.Handler {
		return limiter.New(limiter.Config{
			Max: most, Expiration: time.Minute, KeyGenerator: key, Storage: shared, LimiterMiddleware: limiter.SlidingWindow{}, LimitReached: s.limited,
		})
	}
	if most := s.Limits.AddressPerMinute; most > 0 {
		s.app.Use(unlessForOperators(limiterOf(most, nil, byAddress)))
		if counter := s.Limits.Addresses; counter != nil {
			s.app.Use(unlessForOperators(s.everywhere(counter, byAddress)))
		}
	}
	if most := s.Limits.PerMinute; most > 0 {
		s.callers = append(s.callers, limiterOf(most, nil, byCaller))
		if counter := s.Limits.Callers; counter != nil {
			s.callers = append(s.callers, s.everywhere(counter, byCaller))
		}
	}
	if most := s.Limits.SignInsPerMinute; most > 0 {
		s.signIns = append(s.signIns, limiterOf(most, nil, byAddress))
		if s.Limits.SignIns != nil {
			s.signIns = append(s.signIns, limiterOf(most, s.Limits.SignIns, byAddress))
		}
	}
}

func unlessForOperators(limit fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if forOperators(c) {
			return c.Next()
		}
		return limit(c)
	}
}

// everywhere holds callers to what all nodes count.
func (s *Server) everywhere(counter Counter, caller func(*fiber.Ctx) string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if wait := counter.Take(caller(c)); wait > 0 {
			c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int((wait+time.Second-1)/time.Second)))
			return s.limited(c)
		}
		return c.Next()
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
