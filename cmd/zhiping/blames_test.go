package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"zhiping/domain/catalog"
	"zhiping/domain/catalog/catalogtest"
)

// blamed is a fault as an applicant is told of it: where, why, and by which rule.
func blamed(module, field, slot, code, rule string) string {
	return fmt.Sprintf("%s%s %s %s %s", module, field, slot, code, rule)
}

var row = regexp.MustCompile(`/[0-9]+`)

var han = regexp.MustCompile(`\p{Han}`)

// blames lists the faults of an answer, in order, and insists on a sentence in the language asked for with each.
func blames(t *testing.T, a answer, key, lang string) []string {
	t.Helper()
	out := []string{}
	for _, f := range a.items(key) {
		at := func(k string) string { s, _ := f[k].(string); return s }
		if chinese := han.MatchString(at("message")); at("message") == "" || chinese != (lang == "zh") {
			t.Errorf("%v in %s", f, lang)
		}
		out = append(out, blamed(at("module"), at("field"), at("slot"), at("code"), at("rule")))
	}
	slices.Sort(out)
	return out
}

func wanted(cases []catalogtest.Case) []string {
	var out []string
	for _, c := range cases {
		out = append(out, blamed(c.Module, c.Field, "", c.Code, ""))
	}
	slices.Sort(out)
	return out
}

// rowless tells a rule that several rows break once, with a star for the row, as the rule itself names its field.
func rowless(blames []string) []string {
	for i, b := range blames {
		if strings.Contains(b, " rule ") {
			blames[i] = row.ReplaceAllString(b, "/*")
		}
	}
	return slices.CompactFunc(blames, func(a, b string) bool { return a == b && strings.Contains(a, " rule ") })
}

// ofAccount tells whether a rule is about the account's person; the demo's accounts are nobody's.
func ofAccount(r catalog.Rule) bool { return strings.Contains(r.When, "applicant.idNumber") }

// field is where a rule's faults are, whichever rows they are of.
func field(r catalog.Rule) string {
	if r.Module == "recommenders" {
		return strings.TrimPrefix(r.Field, "/*")
	}
	return r.Field
}
