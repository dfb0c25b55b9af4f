package notice

import "zhiping/domain"

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
//	Publish: given a draft whose window is not over          → Published; twice → nothing (idempotent)
//	         given one whose offices were renamed since      → Revised, Published
//	Draft, Revise and Publish with an office that is not in the tree, is closed or of another kind, or with a
//	committee that belongs to another bureau                 → ErrInvalid
//	Publish with limits of attachments                       → Published, in whose definition they are
//	Draft, Revise and Publish with limits of a slot that the type does not have, out of range, or a quota for what is no
//	credit code, or neither a right one nor a unit's         → ErrInvalid
//	Close:   given a published notice                        → Closed; twice → nothing (idempotent)
//	         given a draft                                   → ErrNotPublished
//	Any but Draft given nothing                              → ErrNotFound
func Decide(s State, f Facts, c Command) ([]Event, error) {
	if _, drafting := c.(Draft); s.Status == "" && !drafting {
		return nil, ErrNotFound
	}
	switch c := c.(type) {
	case Draft:
		return draft(s, f, c)
	case Revise:
		return revise(s, f, c)
	case Publish:
		return publish(s, f)
	case Close:
		return closeNow(s)
	}
	panic("notice: command of an unknown type")
}

func draft(s State, f Facts, c Draft) ([]Event, error) {
	if s.Status != "" {
		return nil, ErrExists
	}
	content := f.named(c.Content)
	if err := refusal(check(content, f)); err != nil {
		return nil, err
	}
	return []Event{Drafted{Content: content}}, nil
}

func revise(s State, f Facts, c Revise) ([]Event, error) {
	content := c.Content
	if content.Bureau.ID == "" {
		content.Bureau = s.Content.Bureau
	}
	switch s.Status {
	case StatusClosed:
		if s.Content.Equal(s.kept(content)) {
			return nil, nil
		}
		return nil, ErrClosed
	case StatusPublished:
		return extend(s, s.kept(content))
	}
	content = f.named(content)
	if s.Content.Equal(content) {
		return nil, nil
	}
	if err := refusal(check(content, f)); err != nil {
		return nil, err
	}
	return []Event{Revised{Content: content}}, nil
}

// kept calls the offices as they were called when the notice was published: another name is no change to it.
func (s State) kept(c Content) Content {
	if c.Bureau.ID == s.Content.Bureau.ID {
		c.Bureau = s.Content.Bureau
	}
	if c.Committee.ID == s.Content.Committee.ID {
		c.Committee = s.Content.Committee
	}
	return c
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

func publish(s State, f Facts) ([]Event, error) {
	switch s.Status {
	case StatusPublished:
		return nil, nil
	case StatusClosed:
		return nil, ErrClosed
	}
	content := f.named(s.Content)
	if err := refusal(append(check(content, f), timely(content, f.Definition.Batched, f.Now)...)); err != nil {
		return nil, err
	}
	published := Published{Definition: f.Definition.WithLimits(content.SlotLimits)}
	if !s.Content.Equal(content) {
		return []Event{Revised{Content: content}, published}, nil
	}
	return []Event{published}, nil
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
