package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"zhiping/domain"
	"zhiping/domain/text"
	"zhiping/infra/identity/strength"
)

const (
	shortestPassword = 8
	longEnough       = 16 // from here on, length alone is strength
)

// checkPolicy lists everything that is wrong with a new password, so that nobody has to guess the rules one by one.
// personal are things that others know of its owner.
func checkPolicy(location, password string, personal ...string) []domain.Fault {
	password = norm.NFKC.String(password)
	n := utf8.RuneCountInString(password)
	switch {
	case n > longestPassword || tooLong(password):
		return []domain.Fault{fault(location, "password_long", text.Args{"max": longestPassword})}
	case n < shortestPassword:
		return []domain.Fault{fault(location, "password_short", text.Args{"min": shortestPassword})}
	}
	var out []domain.Fault
	if n < longEnough && classes(password) < 2 {
		out = append(out, fault(location, "password_simple", text.Args{"long": longEnough}))
	}
	if strength.Guesses(password) < strength.Enough {
		out = append(out, fault(location, "password_common", nil))
	}
	low := strings.ToLower(password)
	for _, s := range personal {
		if s = strings.ToLower(strings.TrimSpace(s)); len(s) >= 4 && strings.Contains(low, s) {
			out = append(out, fault(location, "password_personal", nil))
			break
		}
	}
	return out
}

// classes counts the kinds of character: letters, digits, everything else.
func classes(s string) int {
	var letter, digit, other bool
	for _, r := range s {
		switch {
		case unicode.IsLetter(r):
			letter = true
		case unicode.IsDigit(r):
			digit = true
		default:
			other = true
		}
	}
	return btoi(letter) + btoi(digit) + btoi(other)
}

// fault is a fault at a place in the request.
func fault(location, code string, args text.Args) domain.Fault {
	f := domain.NewFault(code, args)
	f.Location = location
	return f
}
