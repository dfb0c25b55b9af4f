package notice

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"zhiping/domain"
	"zhiping/domain/organization"
	"zhiping/domain/text"
)

// Bounds on what an office may write.
const (
	MaxTitleRunes        = 200
	MaxInstructionsRunes = 20000
	MaxCorrectionDays    = 365
)

// How far what is judged may lie from the window that it is judged in. Qualifications were once counted as of a day a
// year and a half before the window closed (domain.md 1.3), and a call of one year may run late into the next.
const (
	earlierCutOff = 5 // years before the window opens
	laterCutOff   = 1 // years after it closes
	earlierYear   = 2
	laterYear     = 1
)

type faults []domain.Fault

func (f *faults) add(field, code string, args text.Args) {
	fault := domain.NewFault(code, args)
	fault.Location = "body." + field
	*f = append(*f, fault)
}

func refusal(f faults) error {
	if len(f) > 0 {
		return domain.ErrInvalid.WithFaults(f...)
	}
	return nil
}

// named calls the offices as the tree does, whatever they were called in the request.
func (f Facts) named(c Content) Content {
	if f.Bureau.Name != "" {
		c.Bureau.Name = f.Bureau.Name
	}
	if f.Committee.Name != "" {
		c.Committee.Name = f.Committee.Name
	}
	return c
}

// check lists every fault of a notice's content, not just the first.
func check(c Content, facts Facts) (f faults) {
	if facts.Definition.Type == "" {
		f.add("type", "unknown_type", nil)
	}
	if n := utf8.RuneCountInString(strings.TrimSpace(c.Title)); n == 0 || n > MaxTitleRunes {
		f.add("title", "length", text.Args{"min": 1, "max": MaxTitleRunes})
	}
	if utf8.RuneCountInString(c.Instructions) > MaxInstructionsRunes {
		f.add("instructions", "too_long", text.Args{"max": MaxInstructionsRunes})
	}
	if c.Year < 2000 || c.Year > 2100 {
		f.add("year", "range", text.Args{"min": 2000, "max": 2100})
	}
	if c.OpensAt.IsZero() || !c.ClosesAt.After(c.OpensAt) {
		f.add("closesAt", "window", nil)
	}
	offices(&f, c, facts)
	if c.ResubmitTo != "" && c.ResubmitTo != "first" && c.ResubmitTo != "returning" {
		f.add("resubmitTo", "one_of", text.Args{"values": "first, returning"})
	}
	if c.CorrectionDays < 0 || c.CorrectionDays > MaxCorrectionDays {
		f.add("correctionDays", "range", text.Args{"min": 0, "max": MaxCorrectionDays})
	}
	quotas(&f, c, facts)
	attachments(&f, c, facts)
	return f
}

// offices refuses a bureau and a committee that could never decide: declarations would wait for them for ever.
func offices(f *faults, c Content, facts Facts) {
	one := func(field, id string, o Office, kind organization.Kind, other string) {
		switch {
		case id == "":
			f.add(field, "missing", nil)
		case o.Kind == "":
			f.add(field, "no_organization", nil)
		case o.Kind != kind:
			f.add(field, other, nil)
		case o.Closed:
			f.add(field, "organization_closed", nil)
		}
	}
	before := len(*f)
	one("bureau", c.Bureau.ID, facts.Bureau, organization.KindBureau, "not_bureau")
	one("committee", c.Committee.ID, facts.Committee, organization.KindCommittee, "not_committee")
	if len(*f) == before && !serves(facts.Committee, facts.Bureau, c.Bureau.ID) {
		f.add("committee", "committee_elsewhere", nil)
	}
}

// serves tells whether a committee may decide what a bureau calls for: it lies below that bureau, or belongs to one
// above it, as a province's committee does for its cities. A committee with no bureau above it serves everybody.
func serves(committee, bureau Office, id string) bool {
	own := committee.Bureaux
	return len(own) == 0 || slices.Contains(own, id) || slices.Contains(bureau.Bureaux, own[0])
}

// timely lists what makes no sense to publish at that time, although it may stand in a draft.
func timely(c Content, batched bool, now time.Time) (f faults) {
	if !c.ClosesAt.After(now) {
		f.add("closesAt", "not_in_future", nil)
	}
	if first, last := c.OpensAt.AddDate(-earlierCutOff, 0, 0), c.ClosesAt.AddDate(laterCutOff, 0, 0); !c.CutOff.IsZero() && (c.CutOff.Before(first) || c.CutOff.After(last)) {
		f.add("cutOff", "range", text.Args{"min": first.Format(time.DateOnly), "max": last.Format(time.DateOnly)})
	}
	if first, last := c.OpensAt.Year()-earlierYear, c.ClosesAt.Year()+laterYear; c.Year < first || c.Year > last {
		f.add("year", "range", text.Args{"min": first, "max": last})
	}
	if batched && strings.TrimSpace(c.Batch) == "" {
		f.add("batch", "missing", nil)
	}
	return f
}
