package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	nethttp "net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/readmodels"
)

// Login is a sign-in with a password.
type Login struct {
	Account, Password, CaptchaID, Captcha string
	Address, UserAgent                    string
}

// Session is what a sign-in made.
type Session struct {
	Token     string
	CSRF      string
	ExpiresAt time.Time
	Actor     domain.Actor
}

// Auth signs people in and tells who a token belongs to. Safe for concurrent use.
type Auth interface {
	Login(ctx context.Context, l Login) (Session, error)
	// Authenticate also answers the session's CSRF token, which callers with the cookie must repeat.
	Authenticate(ctx context.Context, token string) (domain.Actor, string, error)
	// Logout also answers where the browser goes to be signed out at an OpenID provider as well; "" for nowhere.
	Logout(ctx context.Context, token string) (elsewhere string, err error)
}

// Blob is content that was stored.
type Blob struct {
	SHA256 string
	Size   int64
	Type   string
}

// Blobs keeps the content of attachments. Safe for concurrent use.
type Blobs interface {
	Put(ctx context.Context, content io.Reader, slot catalog.Slot) (Blob, error)
	Reader(ctx context.Context, sha256 string, offset, length int64) (io.ReadCloser, error)
	SafeName(name, contentType string) string
}

// Tracker knows how far the read models are. Safe for concurrent use.
type Tracker interface {
	Wait(ctx context.Context, position uint64) error
	Position(ctx context.Context) (uint64, error)
}

// Feed reads the log of all streams, for the event feed. Safe for concurrent use.
type Feed interface {
	// ReadAll answers at most limit events behind a position, and where to go on; more is false at the end.
	ReadAll(ctx context.Context, after uint64, types []string, limit int) (events []domain.Recorded, next uint64, more bool, err error)
}

// Config is what a Server is made of. What its field does not call required, or Validate does not ask for, may be left out.
type Config struct {
	Executor  *commands.Executor
	Events    commands.EventStore
	Feed      Feed
	Reader    readmodels.Reader
	Parked    Parked // asked about every document that is read
	Tracker   Tracker
	Auth      Auth
	Accounts  Accounts
	QR        bool   // phones may sign desktops in: the codes name an address that they can open
	OpenID    OpenID // nil where people sign in with passwords
	Directory Directory
	Blobs     Blobs
	Printer   Printer
	Catalog   *catalog.Catalog
	Clock     func() time.Time
	NewID     func() string // for request ids
	// Ready tells why the process cannot serve now; nil means that it can.
	Ready   func(context.Context) error
	Metrics nethttp.Handler
	// Request is told of every request once it is answered, by its route's pattern. It must not block.
	Request func(method, route string, status int, took time.Duration)
	// InFlight is told of 1 when a request comes and of -1 when it is answered. It must not block.
	InFlight func(add int)
	// MaxConnections are open at once; 0 means no bound. Past it, connections on which nothing was asked are closed.
	MaxConnections int
	// ConnectionClosed is told of each that was. It must not block.
	ConnectionClosed func()
	// Tracer makes a span of every request to the API.
	Tracer trace.Tracer
	Logger *slog.Logger
	// OpsOnly leaves out the API: a projector node answers health checks and metrics only.
	OpsOnly bool
	// Secure says that browsers come by TLS, here or at a proxy: cookies are for TLS only then, and browsers are told to
	// come by no other way.
	Secure bool
	// Origins are the sites beside our own whose pages may call with the cookie, e.g. https://portal.example.
	Origins []string
	// ReadTimeout is how long a request may take to arrive, or an upload's next piece; 0 means a minute.
	ReadTimeout time.Duration
	// Limits bound how often somebody may call.
	Limits Limits
	// TrustedProxies are whom X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
}

// Validate joins all faults of the configuration.
func (c Config) Validate() error {
	var errs []error
	for name, missing := range map[string]bool{
		"Executor": c.Executor == nil, "Events": c.Events == nil, "Feed": c.Feed == nil, "Reader": c.Reader == nil, "Parked": c.Parked == nil,
		"Tracker": c.Tracker == nil, "Auth": c.Auth == nil, "Accounts": c.Accounts == nil, "Directory": c.Directory == nil, "Blobs": c.Blobs == nil, "Printer": c.Printer == nil, "Catalog": c.Catalog == nil,
		"Clock": c.Clock == nil, "NewID": c.NewID == nil, "Ready": c.Ready == nil,
	} {
		if missing {
			errs = append(errs, fmt.Errorf("http: Config.%s is missing", name))
		}
	}
	return errors.Join(errs...)
}

// Limits on requests. An upload may be as large as the largest slot takes; the rest are forms.
const (
	maxJSON       = 1 << 20
	maxUpload     = 1 << 30  // of any slot
	maxDiscarded  = 64 << 20 // what is read and thrown away of a body that is too large, so that its sender hears why
	prefetch      = 64 << 10
	uploadTimeout = 30 * time.Minute // of a whole upload
	writeTimeout  = 120 * time.Second
	idleTimeout   = 90 * time.Second
	drainTimeout  = 20 * time.Second
	behindTimeout = 5 * time.Second
)

// Server serves the API.
type Server struct {
	Config
	app     *fiber.App
	api     huma.API
	done    chan struct{}   // closed when serving ends, for streams that would go on for ever
	callers []fiber.Handler // limit each account, and who is signed in to none by address
	signIns []fiber.Handler
}

// New makes a server that does not listen yet.
func New(c Config) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.ReadTimeout == 0 {
		c.ReadTimeout = time.Minute
	}
	if c.Request == nil {
		c.Request = func(string, string, int, time.Duration) {}
	}
	if c.ConnectionClosed == nil {
		c.ConnectionClosed = func() {}
	}
	if c.InFlight == nil {
		c.InFlight = func(int) {}
	}
	if c.Tracer == nil {
		c.Tracer = noop.NewTracerProvider().Tracer("")
	}
	c.Reader = flagging{c.Reader, c.Parked}
	s := &Server{Config: c, done: make(chan struct{})}
	s.app = s.newApp()
	s.limit()
	config := huma.DefaultConfig("zhiping 职评", "1")
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "/openapi", "", ""
	config.CreateHooks = nil // no $schema links in bodies
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer"}}
	// The library makes its own errors in one place only, this variable; ours read the language from the request.
	huma.NewErrorWithContext = libraryError
	// From this one it takes the errors' schema.
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return libraryError(nil, status, msg, errs...)
	}
	s.api = humafiber.New(s.app, config)
	s.operations()
	s.completeContract()
	s.app.Use(s.unrouted)
	return s, nil
}

// operations registers every route.
func (s *Server) operations() {
	s.app.Get("/healthz", func(c *fiber.Ctx) error { return c.SendString("ok") })
	s.app.Get("/readyz", s.ready)
	s.app.Get("/docs", docs)
	if s.Metrics != nil {
		s.app.Get("/metrics", adaptor.HTTPHandler(s.Metrics))
	}
	if s.OpsOnly {
		return
	}
	s.signInRoutes()
	s.lineRoutes()
	s.noticeRoutes()
	s.organizationRoutes()
	s.oversightRoutes()
	s.peopleRoutes()
	s.roleRoutes()
	s.identityAuditRoutes()
	s.unitRoutes()
	s.bindingRoutes()
	s.declarationRoutes()
	s.attachmentRoutes()
	s.recommenderRoutes()
	s.reviewRoutes()
	s.documentRoutes()
	s.auditRoutes()
	s.eventRoutes()
	s.statsRoutes()
}

func (s *Server) ready(c *fiber.Ctx) error {
	if err := s.Ready(c.UserContext()); err != nil {
		s.Logger.WarnContext(c.UserContext(), "not ready", "error", err)
		return s.write(c, ErrNotReady)
	}
	return c.SendString("ok")
}

// OpenAPI is the published contract.
func (s *Server) OpenAPI() *huma.OpenAPI { return s.api.OpenAPI() }

// App is the Fiber application, for tests that need no listener.
func (s *Server) App() *fiber.App { return s.app }

// Serve answers requests until ctx ends, then finishes those under way. The listener is closed by then.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	served := make(chan error, 1)
	conns := &listener{Listener: l, max: s.MaxConnections, closed: s.ConnectionClosed, log: s.Logger, unused: map[*trackedConn]struct{}{}}
	go func() { served <- s.app.Listener(conns) }()
	select {
	case err := <-served:
		return fmt.Errorf("http: %w", err)
	case <-ctx.Done():
	}
	close(s.done)
	conns.closeUnused()
	err := s.app.ShutdownWithTimeout(drainTimeout)
	return errors.Join(err, <-served)
}
