// Package strength tells how many guesses a password withstands from somebody who knows what people choose: the most
// frequent passwords, words and names in pinyin, runs, dates, walks over the keyboard, and all of them joined. It may
// import nothing of ours. A habit that it does not know yet is a line in local.txt or one more piece in pieces.go.
package strength

import (
	"math"
	"strings"
	"unicode"
)

// Enough is how much a password needs, as the power of ten of the guesses that find it. Eight characters without any
// sense have 8. Sign-ins are braked, so that guessing goes on for years before it comes that far.
const Enough = 7.5

// What one more piece costs whoever guesses: that there is one, and where.
const joint = 0.4

// longestPiece bounds the work: nothing in the lists is longer.
const longestPiece = 24

// Guesses is the power of ten of the guesses that find a password, by the cheapest way to put it together. Each
// character that makes no sense counts as ten.
func Guesses(password string) float64 {
	r := []rune(password)
	best := make([]float64, len(r)+1) // of what comes before each place
	for i := 1; i <= len(r); i++ {
		best[i] = best[i-1] + character(r[i-1])
		for j := max(0, i-longestPiece); j < i-1; j++ {
			if cost, ok := piece(r[j:i]); ok && best[j]+cost+joint < best[i] {
				best[i] = best[j] + cost + joint
			}
		}
	}
	least := best[len(r)]
	for _, whole := range []func([]rune) (float64, bool){repeated, interleaved, initialsAndDigits} {
		if cost, ok := whole(r); ok {
			least = min(least, cost)
		}
	}
	return least
}

// character is what one costs that belongs to nothing. Of Chinese characters there are more, and few are used.
func character(r rune) float64 {
	if r > unicode.MaxASCII {
		return 2
	}
	return 1
}

// piece is what a part costs that makes sense, in the cheapest of the ways to write it.
func piece(r []rune) (cost float64, ok bool) {
	cost = math.Inf(1)
	for _, w := range spellings(r) {
		for _, known := range []func(string) (float64, bool){listed, run, date, walk} {
			if c, ok := known(w.text); ok {
				cost = min(cost, c+w.extra)
			}
		}
	}
	return cost, !math.IsInf(cost, 1)
}

// spelling is a part with the disguise taken off, and what the disguise costs whoever guesses.
type spelling struct {
	text  string
	extra float64
}

var (
	unshifted = strings.NewReplacer("!", "1", "@", "2", "#", "3", "$", "4", "%", "5", "^", "6", "&", "7", "*", "8", "(", "9", ")", "0")
	lookAlike = strings.NewReplacer("0", "o", "1", "l", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")
)

func spellings(r []rune) []spelling {
	text := string(r)
	low := strings.ToLower(text)
	extra := 0.0
	if low != text {
		extra = 0.6 // most capitals are at the beginning, or all along
	}
	out := []spelling{{low, extra}}
	if s := unshifted.Replace(low); s != low {
		out = append(out, spelling{s, extra + 0.3})
	}
	if s := lookAlike.Replace(low); s != low {
		out = append(out, spelling{s, extra + 0.6})
	}
	return out
}

// repeated is a part said again and again, to the end.
func repeated(r []rune) (float64, bool) {
	for n := 1; n <= len(r)/2; n++ {
		same := true
		for i := n; i < len(r) && same; i++ {
			same = r[i] == r[i-n]
		}
		if same {
			return Guesses(string(r[:n])) + joint + math.Log10(float64(len(r))/float64(n)), true
		}
	}
	return 0, false
}

// interleaved is two runs dealt out in turn, such as a1b2c3d4.
func interleaved(r []rune) (float64, bool) {
	if len(r) < 6 {
		return 0, false
	}
	var parts [2][]rune
	for i, c := range r {
		parts[i%2] = append(parts[i%2], c)
	}
	a, ok1 := piece(parts[0])
	b, ok2 := piece(parts[1])
	return a + b + 1, ok1 && ok2
}

// initialsAndDigits is what most people here think of first: the initials of a name with a birthday or a run of digits.
func initialsAndDigits(r []rune) (float64, bool) {
	s := strings.ToLower(string(r))
	letter := func(c rune) bool { return c >= 'a' && c <= 'z' }
	digits := strings.TrimFunc(s, letter)
	letters := len(s) - len(digits)
	if letters == 0 || letters > 4 || digits == "" || strings.ContainsFunc(digits, func(c rune) bool { return c < '0' || c > '9' }) {
		return 0, false
	}
	inner := []rune(digits)
	cost := Guesses(digits)
	if c, ok := piece(inner); ok {
		cost = min(cost, c)
	}
	return 1.5 + cost, cost < float64(len(inner))
}
