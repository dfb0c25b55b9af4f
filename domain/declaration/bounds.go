package declaration

import (
	"zhiping/domain"
	"zhiping/domain/text"
)

// Bounds on what an applicant may store. A declaration that is saved every minute of three working weeks stays below them.
const (
	MaxEditsPerHour  = 600      // events of a declaration in an hour of the clock, beyond which nothing is edited or withdrawn
	MaxEdits         = 8000     // events of a declaration in all
	MaxEntered       = 48 << 20 // bytes of form data that a declaration ever took
	MaxAttachedToday = 1 << 30  // bytes that all declarations of a person take in a day, UTC
	MaxAttached      = 4 << 30  // bytes that a declaration ever took, with its attachments
)

// The refusals at a bound.
var (
	ErrEditsPerHour  = domain.NewError(domain.Limited, "declaration_edits_hour")
	ErrEdits         = domain.NewError(domain.Conflict, "declaration_edits")
	ErrEntered       = domain.NewError(domain.Conflict, "declaration_bytes")
	ErrAttachedToday = domain.NewError(domain.Limited, "attachment_bytes_day")
	ErrAttached      = domain.NewError(domain.Conflict, "attachment_bytes")
)

// Bytes measures what an event brings: form data as it is stored, and the content of an attached file. What is removed again
// counts all the same, since its content stays stored.
func Bytes(e Event) int64 {
	switch e := e.(type) { //nolint:gochecksumtype // the others bring neither
	case ModuleSaved:
		return int64(len(e.Data))
	case RecommenderAdded:
		return int64(len(e.Data))
	case RecommenderChanged:
		return int64(len(e.Data))
	case FileAttached:
		return e.File.Size
	}
	return 0
}

// Size is about what the state holds in memory, in bytes.
func (s State) Size() int64 {
	const file = 400
	n := int64(file * len(s.Files))
	for _, m := range s.Modules {
		n += int64(len(m))
	}
	for _, r := range s.Recommenders {
		n += int64(len(r.Data))
	}
	if s.submitted != nil {
		n *= 2 // at most: what was not changed since is shared
	}
	return n
}

// bounded refuses an edit beyond what a declaration may have.
func bounded(f Facts) error {
	switch {
	case f.Usage.ThisHour >= MaxEditsPerHour:
		return ErrEditsPerHour.With(text.Args{"max": MaxEditsPerHour})
	case f.Usage.Events >= MaxEdits:
		return ErrEdits.With(text.Args{"max": MaxEdits})
	}
	return nil
}

// enterable refuses more form data than a declaration may ever take.
func enterable(s State, more int) error {
	if s.saved+int64(more) > MaxEntered {
		return ErrEntered.With(text.Args{"maxMB": MaxEntered >> 20})
	}
	return nil
}

// attachable refuses more content than a person may store in a day, and a declaration ever.
func attachable(f Facts, more int64) error {
	switch {
	case f.AttachedToday+more > MaxAttachedToday:
		return ErrAttachedToday.With(text.Args{"maxMB": MaxAttachedToday >> 20})
	case f.Usage.Bytes+more > MaxAttached:
		return ErrAttached.With(text.Args{"maxMB": MaxAttached >> 20})
	}
	return nil
}
