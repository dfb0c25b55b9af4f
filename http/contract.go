package http

import (
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"zhiping/domain/text"
)

// The names of the contract's security schemes.
const (
	schemeBearer = "bearer"
	schemeCookie = "session"
)

// completeContract adds to the published document what holds for all operations and is not in their types: headers, refusals of
// the edge, who may call without being signed in, every problem's code.
func (s *Server) completeContract() {
	doc := s.api.OpenAPI()
	doc.Info.Description = "Declaration and review of professional titles (职称申报评审). The conventions of all operations are in docs/api.md."
	doc.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	doc.Info.Contact = &huma.Contact{Name: "The maintainers of zhiping"}
	doc.Servers = []*huma.Server{{URL: "/", Description: "The server that answers this document"}}
	name := sessionCookie
	if s.Secure {
		name = "__Host-" + name
	}
	doc.Components.SecuritySchemes[schemeCookie] = &huma.SecurityScheme{Type: "apiKey", In: "cookie", Name: name,
		Description: "The cookie of a sign-in. Calls that change something also need X-CSRF-Token."}
	if problem := doc.Components.Schemas.Map()["Problem"]; problem != nil {
		problem.Properties["code"].Enum = problemCodes()
	}
	tags := map[string]bool{}
	for path, item := range doc.Paths {
		for method, op := range operationsOf(item) {
			describe(op, method, path)
			tags[op.Tags[0]] = true
		}
	}
	for tag := range tags {
		doc.Tags = append(doc.Tags, &huma.Tag{Name: tag, Description: "Operations below /api/v1/" + tag})
	}
	slices.SortFunc(doc.Tags, func(a, b *huma.Tag) int { return strings.Compare(a.Name, b.Name) })
}

// problemCodes are the codes that a problem may have: each has a sentence, and each sentence a code.
func problemCodes() (codes []any) {
	for _, key := range text.Keys() {
		if code, ok := strings.CutPrefix(key, "error."); ok {
			codes = append(codes, code)
		}
	}
	return codes
}

func operationsOf(item *huma.PathItem) map[string]*huma.Operation {
	all := map[string]*huma.Operation{fiber.MethodGet: item.Get, fiber.MethodPost: item.Post, fiber.MethodPut: item.Put,
		fiber.MethodPatch: item.Patch, fiber.MethodDelete: item.Delete}
	for method, op := range all {
		if op == nil {
			delete(all, method)
		}
	}
	return all
}

func describe(op *huma.Operation, method, path string) {
	resource, _, _ := strings.Cut(strings.TrimPrefix(path, "/api/v1/"), "/")
	op.Tags = []string{resource}
	if op.Description == "" {
		op.Description = op.Summary + "."
	}
	refusals := []int{429}
	addHeader(op, fiber.HeaderAcceptLanguage, "The language of sentences: zh or en.")
	if method == fiber.MethodGet {
		addHeader(op, "X-After-Position", "Wait until the views include this position; ?after= does the same.")
		addHeader(op, fiber.HeaderIfNoneMatch, "An ETag; 304 without a body when the answer is unchanged.")
		if op.Responses["304"] == nil {
			op.Responses["304"] = &huma.Response{Description: "Unchanged"}
		}
	} else {
		addHeader(op, "Idempotency-Key", "One key, one effect: the same request under it is done once.")
		addHeader(op, fiber.HeaderIfMatch, "The revision (an ETag) that the change is based on; 412 when it is not the newest.")
		refusals = append(refusals, 412, 413, 415)
	}
	if len(op.Security) == 0 {
		if op.Extensions == nil {
			op.Extensions = map[string]any{}
		}
		op.Extensions["security"] = []any{} // the library leaves out an empty list, which means nobody has to be signed in
	} else {
		op.Security = append(op.Security, map[string][]string{schemeCookie: {}})
		if method != fiber.MethodGet {
			addHeader(op, "X-CSRF-Token", "Needed with the cookie; GET /me answers it.")
		}
	}
	like := op.Responses["400"]
	if like == nil {
		return
	}
	for _, status := range refusals {
		if key := strconv.Itoa(status); op.Responses[key] == nil {
			op.Responses[key] = &huma.Response{Description: statusNames[status], Content: like.Content}
		}
	}
}

// statusNames describe the refusals of the edge.
var statusNames = map[int]string{412: "Precondition Failed", 413: "Content Too Large", 415: "Unsupported Media Type", 429: "Too Many Requests"}

func addHeader(op *huma.Operation, name, description string) {
	for _, p := range op.Parameters {
		if p.In == "header" && strings.EqualFold(p.Name, name) {
			return
		}
	}
	op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "header", Description: description, Schema: &huma.Schema{Type: huma.TypeString}})
}
