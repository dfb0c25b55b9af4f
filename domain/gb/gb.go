// Package gb checks the numbers that national standards define: unified social credit codes (GB 32100-2015) and
// citizen identity numbers (GB 11643-1999). It says whether a number can exist, never whether it does.
package gb

import (
	"errors"
	"strings"
	"time"
)

// creditAlphabet is GB 32100's: no I, O, S, V, Z. A character's value is its place.
const creditAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"

// CheckCreditCode tells whether a code has 18 characters of the alphabet, and whether its check character fits.
// Codes in real use may fail the latter (domain.md 1.12), so callers decide what that means.
func CheckCreditCode(code string) (wellFormed, checkFits bool) {
	if len(code) != 18 {
		return false, false
	}
	sum, weight := 0, 1
	for i := range 17 {
		v := strings.IndexByte(creditAlphabet, code[i])
		if v < 0 {
			return false, false
		}
		sum += v * weight
		weight = weight * 3 % 31
	}
	check := strings.IndexByte(creditAlphabet, code[17])
	return check >= 0, check == (31-sum%31)%31
}

// The faults of an identity number.
var (
	ErrIDForm  = errors.New("gb: an identity number has 17 digits and a digit or X")
	ErrIDDate  = errors.New("gb: the identity number's date of birth does not exist")
	ErrIDCheck = errors.New("gb: the identity number's check character does not fit")
)

// CheckIDNumber checks form, date of birth and check character; a lower-case x is taken.
func CheckIDNumber(number string) error {
	if len(number) != 18 {
		return ErrIDForm
	}
	sum := 0
	for i := range 17 {
		d := int(number[i]) - '0'
		if d < 0 || d > 9 {
			return ErrIDForm
		}
		sum += d * [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}[i]
	}
	last := number[17]
	if last == 'x' {
		last = 'X'
	}
	if last != 'X' && (last < '0' || last > '9') {
		return ErrIDForm
	}
	if _, err := Birth(number); err != nil {
		return err
	}
	if "10X98765432"[sum%11] != last {
		return ErrIDCheck
	}
	return nil
}

// Birth is the date of birth that an identity number says.
func Birth(number string) (time.Time, error) {
	if len(number) != 18 {
		return time.Time{}, ErrIDForm
	}
	born, err := time.Parse("20060102", number[6:14])
	if err != nil || born.Year() < 1800 {
		return time.Time{}, ErrIDDate
	}
	return born, nil
}
