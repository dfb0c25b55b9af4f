package identity

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"zhiping/domain"
	"zhiping/domain/text"
)

//go:embed common_passwords.txt
var commonList string

// common is the embedded list, folded the way that checkPolicy folds a password. It is read-only.
var common = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for line := range strings.Lines(commonList) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			m[foldPassword(line)] = true
		}
	}
	return m
})

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
	if common()[foldPassword(password)] || monotonous(password) {
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

// foldPassword removes what people add to a common password to make it look strong: capitals, look-alikes, and
// digits and signs at the end.
func foldPassword(s string) string {
	s = strings.ToLower(s)
	trimmed := strings.TrimRightFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
	if utf8.RuneCountInString(trimmed) >= 4 {
		s = trimmed
	}
	return strings.NewReplacer("0", "o", "1", "l", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i").Replace(s)
}

// monotonous tells whether a password is one character repeated, a run such as 23456789 or hgfedcba, or a short
// piece repeated.
func monotonous(s string) bool {
	r := []rune(strings.ToLower(s))
	for _, step := range []rune{0, 1, -1} {
		run := true
		for i := 1; i < len(r) && run; i++ {
			run = r[i]-r[i-1] == step
		}
		if run {
			return true
		}
	}
	for piece := 1; piece <= 3; piece++ {
		repeated := true
		for i := piece; i < len(r) && repeated; i++ {
			repeated = r[i] == r[i-piece]
		}
		if repeated {
			return true
		}
	}
	return false
}

// fault is a fault at a place in the request.
func fault(location, code string, args text.Args) domain.Fault {
	f := domain.NewFault(code, args)
	f.Location = location
	return f
}
