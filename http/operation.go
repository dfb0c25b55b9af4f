package http

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/readmodels"
)

// route describes one operation. Action is the policy table's; empty for routes that need nobody to be signed in.
type route struct {
	method, path, summary string
	action                access.Action
	status                int
}

// handle registers an operation. Reads wait for the position that the caller asks for, and say how far they are.
func handle[I, O any](s *Server, r route, h func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: strings.ToLower(r.method) + strings.NewReplacer("/", "-", "{", "", "}", "").Replace(r.path),
		Method:      r.method, Path: "/api/v1" + r.path, Summary: r.summary, DefaultStatus: r.status,
		MaxBodyBytes: maxJSON, Errors: []int{400, 401, 403, 404, 409, 422, 503},
		// The policy table's row, so that tests and portals can tell who may do what.
		Extensions: map[string]any{"x-action": string(r.action)},
	}
	if r.readsViews() {
		op.Responses = map[string]*huma.Response{strconv.Itoa(r.status): {Headers: readHeaders()}}
	}
	if r.action != "" {
		op.Security = []map[string][]string{{"bearer": {}}}
	}
	// Who may not ask is told so before anybody looks at what they ask.
	op.Middlewares = huma.Middlewares{func(c huma.Context, next func(huma.Context)) {
		rq := requestOf(c.Context())
		err := s.admit(c.Context(), rq, r)
		if err == nil {
			next(c)
			return
		}
		if err := s.write(rq.fiber, err); err != nil {
			s.Logger.ErrorContext(c.Context(), "refusal not written", "error", err)
		}
	}}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

// readsViews tells whether the operation answers from the views; the feed reads the log itself.
func (r route) readsViews() bool { return r.method == fiber.MethodGet && r.action != "viewEvents" }

func (s *Server) admit(ctx context.Context, rq *request, r route) error {
	if rq.wrong != nil {
		return rq.wrong
	}
	if r.action != "" {
		switch {
		case !rq.signedIn && rq.failed != nil:
			return rq.failed
		case !rq.signedIn:
			return ErrNotSignedIn
		case r.action != anyone && !access.MayTry(rq.actor, r.action):
			return domain.ErrForbidden
		}
	}
	if !r.readsViews() {
		return nil
	}
	return s.caughtUp(ctx, rq)
}

// anyone is the action of routes for everybody who is signed in.
const anyone access.Action = "anyone"

// caughtUp waits for the caller's position and notes the read models' own, before anything is read.
func (s *Server) caughtUp(ctx context.Context, rq *request) error {
	if rq.after > 0 {
		wait, cancel := context.WithTimeout(ctx, behindTimeout)
		defer cancel()
		if err := s.Tracker.Wait(wait, rq.after); err != nil {
			return fmt.Errorf("%w: %w", ErrReadModelBehind, err)
		}
	}
	position, err := s.Tracker.Position(ctx)
	if err != nil {
		return err
	}
	rq.fiber.Set("X-Position", strconv.FormatUint(position, 10))
	return nil
}

// read is the answer of a query.
type read[T any] struct {
	Status int
	ETag   string `header:"ETag"`
	Body   T
}

// found answers one document; a caller that has this revision already is told so.
//
// The tag names all that the body depends on: the revision, the language, and the variant where there is one.
func found[T any](ctx context.Context, body T, revision uint64, variant ...string) *read[T] {
	rq := requestOf(ctx)
	tag := etag(revision)
	if rq.lang != "zh" {
		variant = append(variant, rq.lang)
	}
	if len(variant) > 0 {
		tag = strings.TrimSuffix(tag, `"`) + "-" + strings.Join(variant, "-") + `"`
	}
	if has(rq.ifNoneMatch, tag) {
		return &read[T]{Status: fiber.StatusNotModified, ETag: tag}
	}
	return &read[T]{Status: fiber.StatusOK, ETag: tag, Body: body}
}

// has tells whether an If-None-Match header names a tag, by the weak comparison (RFC 9110, section 13.1.2).
func has(header, tag string) bool {
	if strings.TrimSpace(header) == "*" {
		return true
	}
	for given := range strings.SplitSeq(header, ",") {
		if strings.TrimPrefix(strings.TrimSpace(given), "W/") == tag {
			return true
		}
	}
	return false
}

// written is the answer of a command.
type written[T any] struct {
	Status   int
	Position string `header:"X-Position"`
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     T
}

func wrote[S, T any](r commands.Result[S], status int, body T) *written[T] {
	return &written[T]{Status: status, Position: strconv.FormatUint(r.Position, 10), ETag: etag(r.Revision), Body: body}
}

// Paging is what every list takes.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"20"`
	Cursor string `query:"cursor" maxLength:"4096"`
}

func (p Paging) key() (*readmodels.Key, error) {
	if p.Cursor == "" {
		return nil, nil
	}
	k, err := readmodels.DecodeCursor(p.Cursor)
	if err != nil {
		return nil, err
	}
	return &k, nil
}

// list is every list's shape.
type list[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

func listOf[D, T any](page readmodels.Page[D], item func(*D) T) list[T] {
	out := list[T]{Items: make([]T, 0, len(page.Items))}
	for _, i := range page.Items {
		out.Items = append(out.Items, item(i.Doc))
	}
	if page.Next != nil {
		next := readmodels.EncodeCursor(*page.Next)
		out.Next = &next
	}
	return out
}

// one reads one document or answers what its absence means.
func one[D any](ctx context.Context, s *Server, v readmodels.View[D], id string, absent error) (*D, error) {
	d, _, ok, err := v.Get(ctx, s.Reader, id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, absent
	}
	return d, nil
}
