package gb_test

import (
	"errors"
	"testing"

	"zhiping/domain/gb"
)

func TestCreditCodes(t *testing.T) {
	for code, want := range map[string][2]bool{
		"91350100M000100Y43": {true, true}, "9131000063159284XQ": {true, true}, "12220000XA0000015W": {true, true},
		"91220101XA00000236": {true, true}, "91220101XA000020X0": {true, true}, "12220000127701509T": {true, true},
		"91220101MA0Y3KQ208": {true, true},
		"91350100M000100Y4Z": {false, false},                                     // Z is not in the alphabet
		"91350211M0000XUF46": {true, false}, "91350100M0001TGQXM": {true, false}, // in real use
		"12220000XA0000015V": {false, false}, "12220000XA000001": {false, false}, "": {false, false},
		"1222000０XA0000015W": {false, false}, "12220000xA0000015W": {false, false},
	} {
		form, fits := gb.CheckCreditCode(code)
		if form != want[0] || fits != want[1] {
			t.Errorf("%s: well formed %v, check fits %v; want %v", code, form, fits, want)
		}
	}
}

func TestIdentityNumbers(t *testing.T) {
	for number, want := range map[string]error{
		"11010519491231002X": nil, "440524188001010014": nil, "220102190101010013": nil, "220102190101010021": nil,
		"22010219010101003X": nil, "22010219010101003x": nil,
		"220102190101010014": gb.ErrIDCheck, "220102190102300013": gb.ErrIDDate, "22010219010101001": gb.ErrIDForm,
		"2201021901010100１3": gb.ErrIDForm, "22010219010101001Y": gb.ErrIDForm, "": gb.ErrIDForm,
	} {
		if err := gb.CheckIDNumber(number); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", number, err, want)
		}
	}
}

// Every single wrong digit of an identity number is caught, and every single wrong character of a credit code.
func TestEverySingleMistakeIsCaught(t *testing.T) {
	const id, code = "220102190101010013", "12220000XA0000015W"
	for i := range len(id) {
		for d := byte('0'); d <= '9'; d++ {
			if wrong := id[:i] + string(d) + id[i+1:]; wrong != id && gb.CheckIDNumber(wrong) == nil {
				t.Errorf("%s passes for %s", wrong, id)
			}
		}
	}
	for i := range len(code) {
		for _, c := range "0123456789ABCDEFGHJKLMNPQRTUWXY" {
			if wrong := code[:i] + string(c) + code[i+1:]; wrong != code {
				if _, fits := gb.CheckCreditCode(wrong); fits {
					t.Errorf("%s passes for %s", wrong, code)
				}
			}
		}
	}
}

func FuzzNumbers(f *testing.F) {
	f.Add("11010519491231002X")
	f.Add("12220000XA0000015W")
	f.Fuzz(func(t *testing.T, s string) {
		if gb.CheckIDNumber(s) == nil {
			if _, err := gb.Birth(s); err != nil {
				t.Fatalf("%q passes without a date of birth", s)
			}
		}
		if form, fits := gb.CheckCreditCode(s); fits && !form {
			t.Fatalf("%q fits without its form", s)
		}
	})
}
