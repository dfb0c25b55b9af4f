package text_test

import (
	"regexp"
	"slices"
	"testing"

	"zhiping/domain/text"
)

var place = regexp.MustCompile(`\{(\w+)\}`)

func places(s string) []string {
	var out []string
	for _, m := range place.FindAllStringSubmatch(s, -1) {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return out
}

func TestEverySentenceIsInBothLanguagesWithTheSamePlaces(t *testing.T) {
	if len(text.Keys()) < 50 {
		t.Fatalf("only %d sentences: the catalogue was not read", len(text.Keys()))
	}
	for _, key := range text.Keys() {
		s := text.Of(key, nil)
		if s.ZH == "" || s.EN == "" {
			t.Errorf("%s: a language is missing: %+v", key, s)
		}
		if !slices.Equal(places(s.ZH), places(s.EN)) {
			t.Errorf("%s: places differ: %v, %v", key, places(s.ZH), places(s.EN))
		}
	}
}

func TestPlacesAreFilledInEachLanguage(t *testing.T) {
	got := text.Of("fault.self_check", text.Args{"item": text.Text{ZH: "品德", EN: "ethics"}})
	if got.ZH != "请确认：品德" || got.EN != "Please confirm: ethics" {
		t.Fatalf("%+v", got)
	}
}

func TestAnUnknownKeyRendersAsItself(t *testing.T) {
	if got := text.Of("error.nobody_knows", nil); got.ZH != "error.nobody_knows" {
		t.Fatalf("%+v", got)
	}
}
