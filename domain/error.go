package domain

import (
	"errors"
	"fmt"

	"zhiping/domain/text"
)

// Kind says what went wrong in general; the edge turns it into a status and knows nothing else.
type Kind string

// The kinds of error. A kind is never removed: the edge's table must know every one of them.
const (
	Malformed       Kind = "malformed"       // the request cannot be read
	Invalid         Kind = "invalid"         // well formed, but the data breaks a rule; carries faults
	Unauthenticated Kind = "unauthenticated" // nobody is signed in, or not well enough
	Forbidden       Kind = "forbidden"       // signed in, but not allowed
	NotFound        Kind = "not_found"       // not there, or not visible to the caller
	Conflict        Kind = "conflict"        // against the current state
	Precondition    Kind = "precondition"    // an If-Match did not hold
	TooLarge        Kind = "too_large"       // more bytes, pixels or items than the limit
	UnsupportedType Kind = "unsupported_type"
	Limited         Kind = "limited"     // too many requests; try later
	Unavailable     Kind = "unavailable" // a dependency is down; try later
)

// Error is a refusal or a failure that callers can act on. Code is stable, machine-readable and snake_case;
// it is also the key of the sentence in the text catalogue, which Args fill in. Faults lists every single
// problem when Kind is Invalid. Values are immutable; derive with With and WithFaults.
type Error struct {
	Kind   Kind
	Code   string
	Args   text.Args
	Faults []Fault
}

// Fault is one problem in submitted data, in words that its owner understands.
type Fault struct {
	Module      string    `json:"module,omitempty"`      // module key of the form
	Field       string    `json:"field,omitempty"`       // JSON pointer below the module's data, e.g. /papers/0/title
	Slot        string    `json:"slot,omitempty"`        // attachment slot key
	Recommender string    `json:"recommender,omitempty"` // recommender id
	Rule        string    `json:"rule,omitempty"`        // key of the catalog rule that is broken
	Location    string    `json:"location,omitempty"`    // where in the request, e.g. body.uscc; derived when empty
	Code        string    `json:"code"`                  // text catalogue key, or "rule" for a rule's own sentence
	Message     text.Text `json:"message"`
	Value       any       `json:"value,omitempty"` // what was there; never a password or a whole identity number
	// Inputs are what a broken rule looked at, by JSON pointer into the whole form, e.g. /term/to.
	Inputs map[string]any `json:"inputs,omitempty"`
}

// NewError makes a package-level Err value. It is compared by code, so wrapping and With keep its identity.
func NewError(kind Kind, code string) *Error { return &Error{Kind: kind, Code: code} }

// Error is for logs; people see the text catalogue's sentence instead.
func (e *Error) Error() string {
	if len(e.Faults) > 0 {
		f := e.Faults[0]
		return fmt.Sprintf("%s: %s (%d faults, first: %s%s %s %s)", e.Kind, e.Code, len(e.Faults), f.Module, f.Field, f.Slot, f.Code)
	}
	return fmt.Sprintf("%s: %s", e.Kind, e.Code)
}

// Is makes errors.Is compare by code.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code
}

// With returns a copy that carries the arguments of its sentence.
func (e *Error) With(args text.Args) *Error {
	c := *e
	c.Args = args
	return &c
}

// WithFaults returns a copy that lists the faults.
func (e *Error) WithFaults(faults ...Fault) *Error {
	c := *e
	c.Faults = faults
	return &c
}

// Text is the sentence for people, in both languages.
func (e *Error) Text() text.Text { return text.Of("error."+e.Code, e.Args) }

// NewFault makes a fault whose message is the catalogue's sentence for code.
func NewFault(code string, args text.Args) Fault {
	return Fault{Code: code, Message: text.Of("fault."+code, args)}
}

// The errors that more than one package answers with. Errors are equal by code, so each code is declared once.
var (
	ErrInvalid          = NewError(Invalid, "invalid")
	ErrForbidden        = NewError(Forbidden, "forbidden")
	ErrNotFound         = NewError(NotFound, "not_found")
	ErrConcurrentChange = NewError(Conflict, "concurrent_change")
	ErrStaleRevision    = NewError(Precondition, "stale_revision")
	ErrKeyReused        = NewError(Invalid, "idempotency_key_reused")
	ErrAppointer        = NewError(Conflict, "grant_to_appointer")
	ErrNotSignedIn      = NewError(Unauthenticated, "not_signed_in")
	ErrTooManyRequests  = NewError(Limited, "too_many_requests")
	ErrSignInElsewhere  = NewError(NotFound, "sign_in_elsewhere")
)
