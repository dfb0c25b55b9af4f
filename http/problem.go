package http

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	nethttp "net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"zhiping/domain"
	"zhiping/domain/text"
	"zhiping/readmodels"
)

// The refusals of the edge itself.
var (
	ErrMalformed        = domain.NewError(domain.Malformed, "malformed")
	ErrNotSignedIn      = domain.ErrNotSignedIn
	ErrCSRF             = domain.NewError(domain.Forbidden, "csrf_token")
	ErrNoRoute          = domain.NewError(domain.NotFound, "no_such_route")
	ErrTooLarge         = domain.NewError(domain.TooLarge, "request_too_large")
	ErrContentType      = domain.NewError(domain.UnsupportedType, "content_type")
	ErrViewsRebuilding  = domain.NewError(domain.Unavailable, "views_rebuilding")
	ErrReadStoreAway    = domain.NewError(domain.Unavailable, "read_store_unavailable")
	ErrNotReady         = domain.NewError(domain.Unavailable, "not_ready")
	ErrMethodNotAllowed = domain.NewError("method", "method_not_allowed")
	errInternal         = domain.NewError("internal", "internal")
)

// statuses is the one table from kinds of error to statuses; what it does not know is a 500.
var statuses = map[domain.Kind]int{
	domain.Malformed: 400, domain.Unauthenticated: 401, domain.Forbidden: 403, domain.NotFound: 404, "method": 405,
	domain.Conflict: 409, domain.Precondition: 412, domain.TooLarge: 413, domain.UnsupportedType: 415,
	"range": 416, domain.Invalid: 422, domain.Limited: 429, domain.Unavailable: 503,
}

// Problem is an error as the contract shows it (RFC 9457).
type Problem struct {
	Type     string   `json:"type"`
	Title    string   `json:"title"`
	Status   int      `json:"status"`
	Detail   string   `json:"detail"`
	Instance string   `json:"instance"`
	Code     string   `json:"code"`
	Errors   []Detail `json:"errors,omitempty"`
	// CheckFailed hints, beside unit_not_registered, that the credit code's check character does not fit.
	CheckFailed bool `json:"checkFailed,omitempty"`

	retryAfter string
}

// Detail is one fault of invalid data.
type Detail struct {
	Location string `json:"location"`
	Message  string `json:"message"`
	Value    any    `json:"value,omitempty"`
	// Code is the fault's own, as stable as the problem's; "rule" for one of the rules of a declaration type.
	Code        string `json:"code,omitempty"`
	Module      string `json:"module,omitempty"`
	Field       string `json:"field,omitempty"`
	Slot        string `json:"slot,omitempty"`
	Recommender string `json:"recommender,omitempty"`
	Rule        string `json:"rule,omitempty"`
	// Inputs are what the rule looked at, by JSON pointer into the whole form.
	Inputs map[string]any `json:"inputs,omitempty"`
}

// Error implements error; it is for logs.
func (p *Problem) Error() string { return fmt.Sprintf("%d %s", p.Status, p.Code) }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() nethttp.Header {
	if p.retryAfter == "" {
		return nil
	}
	return nethttp.Header{"Retry-After": {p.retryAfter}}
}

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// problem renders an error. One without a kind is logged, once and here, and told to nobody.
func (s *Server) problem(ctx context.Context, err error) *Problem {
	rq := requestOf(ctx)
	var known *domain.Error
	switch {
	case errors.As(err, &known):
	case errors.Is(err, readmodels.ErrRebuilding):
		known = ErrViewsRebuilding
	case errors.Is(err, readmodels.ErrUnavailable):
		known = ErrReadStoreAway
	case errors.Is(err, readmodels.ErrCursor):
		known = domain.ErrInvalid.WithFaults(queryFault("cursor", "cursor"))
	default:
		s.Logger.ErrorContext(ctx, "request failed", "error", err, "path", rq.path)
		known = errInternal
	}
	if status := statuses[known.Kind]; status >= 500 {
		s.Logger.WarnContext(ctx, "dependency down", "error", err, "path", rq.path)
	}
	return render(rq.lang, rq.path, known)
}

func queryFault(name, code string) domain.Fault {
	f := domain.NewFault(code, nil)
	f.Location = "query." + name
	return f
}

// maxFaults are told in one answer: nobody mends more at once, and the answer must not dwarf the request.
const maxFaults = 100

func render(lang, instance string, e *domain.Error) *Problem {
	status, ok := statuses[e.Kind]
	if !ok {
		status = nethttp.StatusInternalServerError
	}
	p := &Problem{
		Type: "/problems/" + e.Code, Title: text.Of("kind."+string(e.Kind), nil).In(lang), Status: status,
		Detail: e.Text().In(lang), Instance: instance, Code: e.Code,
	}
	faults := e.Faults
	if more := len(faults) - maxFaults; more > 0 {
		faults = append(slices.Clip(faults[:maxFaults]), domain.NewFault("more_faults", text.Args{"count": more}))
	}
	for _, f := range faults {
		p.Errors = append(p.Errors, Detail{Location: location(f), Message: f.Message.In(lang), Value: f.Value,
			Code: f.Code, Module: f.Module, Field: f.Field, Slot: f.Slot, Recommender: f.Recommender, Rule: f.Rule, Inputs: f.Inputs})
	}
	p.CheckFailed, _ = e.Args["checkFailed"].(bool)
	switch {
	case e.Args["seconds"] != nil:
		p.retryAfter = fmt.Sprint(e.Args["seconds"])
	case status == nethttp.StatusServiceUnavailable || status == nethttp.StatusTooManyRequests:
		p.retryAfter = "1"
	}
	return p
}

// location says where in the request, or in the form, a fault is.
func location(f domain.Fault) string {
	switch {
	case f.Location != "":
		return f.Location
	case f.Slot != "":
		return "attachments." + f.Slot
	case f.Module != "":
		return "modules." + f.Module + strings.ReplaceAll(f.Field, "/", ".")
	}
	return "body" + strings.ReplaceAll(f.Field, "/", ".")
}

// write answers a Fiber handler's request with a problem.
func (s *Server) write(c *fiber.Ctx, err error) error {
	p := s.problem(c.UserContext(), err)
	body, jerr := json.Marshal(p)
	if jerr != nil {
		return fmt.Errorf("http: %w", jerr)
	}
	if p.retryAfter != "" {
		c.Set(fiber.HeaderRetryAfter, p.retryAfter)
	}
	c.Set(fiber.HeaderContentType, p.ContentType(""))
	return c.Status(p.Status).Send(body)
}

// fiberError renders what Fiber itself refuses.
func (s *Server) fiberError(c *fiber.Ctx, err error) error {
	var fe *fiber.Error
	if !errors.As(err, &fe) {
		return s.write(c, err)
	}
	known := map[int]*domain.Error{400: ErrMalformed, 404: ErrNoRoute, 405: ErrMethodNotAllowed, 413: ErrTooLarge, 431: ErrTooLarge}[fe.Code]
	if known == nil {
		known = ErrMalformed
	}
	return s.write(c, known)
}

// etag is a stream revision as a strong validator.
func etag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }
