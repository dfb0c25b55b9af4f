package http

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

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

// patience is how long an answer that is not made from the views waits to hear how far they are.
const patience = 100 * time.Millisecond

// trait is what sets a route apart from the others.
type trait int

const (
	// signsIn: it makes somebody of a stranger, or has us send or draw something for one.
	signsIn trait = iota
	// unviewed: its answer is not made from the views, so it waits for none, and comes without them too.
	unviewed
)

// handle registers an operation. Reads wait for the position that the caller asks for, and say how far they are.
func handle[I, O any](s *Server, r route, h func(context.Context, *I) (*O, error), traits ...trait) {
	readsViews := r.method == fiber.MethodGet && !slices.Contains(traits, unviewed)
	op := huma.Operation{
		OperationID: strings.ToLower(r.method) + strings.NewReplacer("/", "-", "{", "", "}", "").Replace(r.path),
		Method:      r.method, Path: "/api/v1" + r.path, Summary: r.summary, DefaultStatus: r.status,
		MaxBodyBytes: maxJSON, Errors: []int{400, 401, 403, 404, 409, 422, 503},
		// The policy table's row, so that tests and portals can tell who may do what.
		Extensions: map[string]any{"x-action": string(r.action)},
	}
	if readsViews {
		op.Responses = map[string]*huma.Response{strconv.Itoa(r.status): {Headers: readHeaders()}}
	}
	if r.action != "" {
		op.Security = []map[string][]string{{"bearer": {}}}
	}
	s.guard(op, r, slices.Contains(traits, signsIn), readsViews)
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

// guard puts what every request has to pass before an operation, the cheapest first. It is registered for the same path,
// so that what the router takes for this operation, however it is spelled, comes by here.
func (s *Server) guard(op huma.Operation, r route, signsIn, readsViews bool) {
	var guards []fiber.Handler
	if signsIn {
		guards = append(guards, s.signIns...)
	}
	guards = append(guards, s.identify)
	guards = append(guards, s.callers...)
	guards = append(guards, func(c *fiber.Ctx) error {
		if err := s.admit(c, r); err != nil {
			return s.write(c, err)
		}
		switch {
		case readsViews:
			if err := s.caughtUp(c.UserContext()); err != nil {
				return s.write(c, err)
			}
		case r.method == fiber.MethodGet:
			s.mention(c.UserContext())
		}
		return c.Next()
	})
	s.app.Add(op.Method, strings.NewReplacer("{", ":", "}", "").Replace(op.Path), guards...)
}

// admit refuses who may not ask before anybody looks at what they ask.
func (s *Server) admit(c *fiber.Ctx, r route) error {
	rq := requestOf(c.UserContext())
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
	if err := rq.conditions(c); err != nil {
		return err
	}
	if r.streams() {
		return nil
	}
	return s.readBody(c)
}

// streams tells whether the handler reads the body itself, as it comes.
func (r route) streams() bool { return r.action == "AttachFile" }

// anyone is the action of routes for everybody who is signed in.
const anyone access.Action = "anyone"

// caughtUp waits for the caller's position and notes the read models' own, before anything is read.
func (s *Server) caughtUp(ctx context.Context) error {
	if after := requestOf(ctx).after; after > 0 {
		wait, cancel := context.WithTimeout(ctx, behindTimeout)
		defer cancel()
		if err := s.Tracker.Wait(wait, after); err != nil {
			return fmt.Errorf("%w: %w", readmodels.ErrBehind, err)
		}
	}
	return s.howFar(ctx)
}

func (s *Server) howFar(ctx context.Context) error {
	position, err := s.Tracker.Position(ctx)
	if err != nil {
		return err
	}
	requestOf(ctx).fiber.Set("X-Position", strconv.FormatUint(position, 10))
	return nil
}

// mention notes the read models' position where it is at hand; the answer does not depend on it.
func (s *Server) mention(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_ = s.howFar(ctx) // the read store is away, and this request does without it
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
