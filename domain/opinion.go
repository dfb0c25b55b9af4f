package domain

import (
	"strings"
	"unicode/utf8"

	"zhiping/domain/text"
)

// MaxOpinionRunes bounds an opinion: two printed pages, more than any reviewer writes.
const MaxOpinionRunes = 2000

// Opinion trims and checks a reviewer's opinion; required ones may not be blank.
func Opinion(s string, required bool) (string, error) {
	s = strings.TrimSpace(s)
	var f Fault
	switch n := utf8.RuneCountInString(s); {
	case n == 0 && required:
		f = NewFault("missing", nil)
	case n > MaxOpinionRunes:
		f = NewFault("too_long", text.Args{"max": MaxOpinionRunes})
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		f = NewFault("control_characters", nil)
	default:
		return s, nil
	}
	f.Location = "body.opinion"
	return "", ErrInvalid.WithFaults(f)
}
