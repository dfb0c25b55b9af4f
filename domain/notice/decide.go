package notice

import (
	"strings"
	"unicode/utf8"

	"zhiping/domain"
	"zhiping/domain/text"
)

// Bounds on what an office may write.
const (
	MaxTitleRunes        = 200
	MaxInstructionsRunes = 20000
	MaxCorrectionDays    = 365
)

// The refusals of this package.
var (
	ErrExists       = domain.NewError(domain.Conflict, "notice_exists")
	ErrNotFound     = domain.NewError(domain.NotFound, "notice_not_found")
	ErrPublished    = domain.NewError(domain.Conflict, "notice_published")
	ErrNotPublished = domain.NewError(domain.Conflict, "notice_not_published")
	ErrClosed       = domain.NewError(domain.Conflict, "notice_closed")
)

// Decide answers a command with the events that follow, or with a refusal.
//
//	Draft:   given nothing, valid content                    → Drafted
//	Revise:  given a draft, valid content                    → Revised
//	         given a published notice, only a later closing  → Extended; any other change → ErrPublished
//	         given a closed notice                           → ErrClosed
//	Publish: given a draft                                   → Published; twice → nothing (idempotent)
//	Close:   given a published notice                        → Closed; twice → nothing (idempotent)
//	         given a draft                                   → ErrNotPublished
//	Any but Draft given nothing                              → ErrNotFound
func Decide(s State, c Command) ([]Event, error) {
	if _, drafting := c.(Draft); s.Status == "" && !drafting {
		return nil, ErrNotFound
	}
	switch c := c.(type) {
	case Draft:
		return draft(s, c)
	case Revise:
		return revise(s, c)
	case Publish:
		return publish(s, c)
	case Close:
		return closeNow(s)
	}
	panic("notice: command of an unknown type")
}

func draft(s State, c Draft) ([]Event, error) {
	if s.Status != "" {
		return nil, ErrExists
	}
	if err := check(c.Content, c.Known); err != nil {
		return nil, err
	}
	return []Event{Drafted{Content: c.Content}}, nil
}

func revise(s State, c Revise) ([]Event, error) {
	if s.Content.Equal(c.Content) {
		return nil, nil
	}
	switch s.Status {
	case StatusClosed:
		return nil, ErrClosed
	case StatusPublished:
		return extend(s, c.Content)
	}
	if err := check(c.Content, c.Known); err != nil {
		return nil, err
	}
	return []Event{Revised{Content: c.Content}}, nil
}

// extend lets a published notice close later and changes nothing else. A cut-off date that is not named, or named as
// it is shown, is no change.
func extend(s State, c Content) ([]Event, error) {
	if c.CutOff.IsZero() || c.CutOff.Equal(s.Content.CutOffDate()) {
		c.CutOff = s.Content.CutOff
	}
	if s.Content.Equal(c) {
		return nil, nil
	}
	extended := s.Content
	extended.ClosesAt = c.ClosesAt
	if !extended.Equal(c) || !c.ClosesAt.After(s.Content.ClosesAt) {
		return nil, ErrPublished
	}
	return []Event{Extended{ClosesAt: c.ClosesAt}}, nil
}

func publish(s State, c Publish) ([]Event, error) {
	switch s.Status {
	case StatusPublished:
		return nil, nil
	case StatusClosed:
		return nil, ErrClosed
	}
	return []Event{Published(c)}, nil
}

func closeNow(s State) ([]Event, error) {
	switch s.Status {
	case StatusDraft:
		return nil, ErrNotPublished
	case StatusClosed:
		return nil, nil
	}
	return []Event{Closed{}}, nil
}

// check lists every fault of a notice's content, not just the first.
func check(c Content, known bool) error {
	var faults []domain.Fault
	fault := func(field, code string, args text.Args) {
		f := domain.NewFault(code, args)
		f.Location = "body." + field
		faults = append(faults, f)
	}
	if !known {
		fault("type", "unknown_type", nil)
	}
	if n := utf8.RuneCountInString(strings.TrimSpace(c.Title)); n == 0 || n > MaxTitleRunes {
		fault("title", "length", text.Args{"min": 1, "max": MaxTitleRunes})
	}
	if utf8.RuneCountInString(c.Instructions) > MaxInstructionsRunes {
		fault("instructions", "too_long", text.Args{"max": MaxInstructionsRunes})
	}
	if c.Year < 2000 || c.Year > 2100 {
		fault("year", "range", text.Args{"min": 2000, "max": 2100})
	}
	if c.OpensAt.IsZero() || !c.ClosesAt.After(c.OpensAt) {
		fault("closesAt", "window", nil)
	}
	if c.Bureau.ID == "" {
		fault("bureau", "missing", nil)
	}
	if c.Committee.ID == "" {
		fault("committee", "missing", nil)
	}
	if c.ResubmitTo != "" && c.ResubmitTo != "first" && c.ResubmitTo != "returning" {
		fault("resubmitTo", "one_of", text.Args{"values": "first, returning"})
	}
	if c.CorrectionDays < 0 || c.CorrectionDays > MaxCorrectionDays {
		fault("correctionDays", "range", text.Args{"min": 0, "max": MaxCorrectionDays})
	}
	if c.Quota < 0 {
		fault("quota", "range", text.Args{"min": 0, "max": "∞"})
	}
	if len(faults) > 0 {
		return domain.ErrInvalid.WithFaults(faults...)
	}
	return nil
}
