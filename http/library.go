package http

import (
	"errors"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"zhiping/domain"
	"zhiping/domain/text"
)

// libraryError renders what huma found wrong with a request, in the same shape and in the caller's language.
func libraryError(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
	rq := &request{lang: "zh"}
	if ctx != nil {
		rq = requestOf(ctx.Context())
	}
	byStatus := map[int]*domain.Error{400: ErrMalformed, 404: ErrNoRoute, 405: ErrMethodNotAllowed, 413: ErrTooLarge, 415: ErrContentType, 422: domain.ErrInvalid}
	e, ok := byStatus[status]
	if !ok {
		e = errInternal
	}
	faults := e.Faults
	for _, err := range errs {
		var d huma.ErrorDetailer
		if !errors.As(err, &d) || d.ErrorDetail() == nil {
			continue
		}
		if strings.Contains(d.ErrorDetail().Message, "JSON") || strings.Contains(d.ErrorDetail().Message, "unexpected end") {
			return render(rq.lang, rq.path, ErrMalformed)
		}
		faults = append(faults, inWords(d.ErrorDetail().Location, d.ErrorDetail().Message))
	}
	if e == errInternal && status < 500 {
		e = ErrMalformed
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b domain.Fault) int { return strings.Compare(a.Location, b.Location) })
		e = e.WithFaults(faults...)
	}
	return render(rq.lang, rq.path, e)
}

// wording is one of the library's sentences: up to its first verb, where what it is about follows.
type wording struct {
	begins string
	code   string // of our sentence
	arg    string // the place in it that takes what follows; empty for none
}

// wordings are the sentences of the library that our inputs can cause, the more particular ones first.
func wordings() []wording {
	before := func(format string) string { b, _, _ := strings.Cut(format, "%"); return b }
	return []wording{
		{before(validation.MsgExpectedRequiredProperty), "missing", ""},
		{"required ", "missing", ""}, // a parameter
		{"request body is required", "missing", ""},
		{validation.MsgUnexpectedProperty, "unknown_member", ""},
		{before(validation.MsgExpectedMaxLength), "too_long", "max"},
		{before(validation.MsgExpectedMinLength), "too_short", "min"},
		{before(validation.MsgExpectedMinimumNumber), "at_least", "min"},
		{before(validation.MsgExpectedMaximumNumber), "at_most", "max"},
		{before(validation.MsgExpectedMinItems), "too_few_items", "min"},
		{before(validation.MsgExpectedMaxItems), "too_many_items", "max"},
		{before(validation.MsgExpectedOneOf), "one_of", "values"},
		{before(validation.MsgExpectedMatchPattern), "want_pattern", ""},
		{validation.MsgExpectedRFC3339DateTime, "want_time", ""},
		{"invalid date/time", "want_time", ""},
		{before(validation.MsgExpectedRFC4122UUID), "want_uuid", ""},
		{"invalid value: invalid UUID", "want_uuid", ""},
		{validation.MsgExpectedString, "want_string", ""},
		{validation.MsgExpectedInteger, "want_integer", ""},
		{"invalid integer", "want_integer", ""},
		{validation.MsgExpectedNumber, "want_number", ""},
		{"invalid float", "want_number", ""},
		{validation.MsgExpectedBoolean, "want_boolean", ""},
		{"invalid boolean", "want_boolean", ""},
		{validation.MsgExpectedArray, "want_array", ""},
		{validation.MsgExpectedObject, "want_object", ""},
	}
}

// inWords says in our words what the library found wrong, and names a missing member itself, not its object.
func inWords(location, msg string) domain.Fault {
	fault := domain.NewFault("want_value", nil)
	for _, w := range wordings() {
		rest, ok := strings.CutPrefix(msg, w.begins)
		if !ok {
			continue
		}
		args := text.Args{}
		if w.arg != "" {
			args[w.arg] = strings.Trim(rest, `"`)
		}
		fault = domain.NewFault(w.code, args)
		break
	}
	if fault.Code == "missing" {
		if begins, rest, _ := strings.Cut(validation.MsgExpectedRequiredProperty, "%s"); strings.HasPrefix(msg, begins) {
			location += "." + strings.TrimSuffix(strings.TrimPrefix(msg, begins), rest)
		}
	}
	fault.Location = location
	return fault
}
