package world

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"zhiping/domain/catalog"
	"zhiping/domain/catalog/catalogtest"
)

// Fault is a fault as an applicant is told of it: where, why, and by which rule.
func Fault(module, field, slot, code, rule string) string {
	return fmt.Sprintf("%s%s %s %s %s", module, field, slot, code, rule)
}

var rowIndex = regexp.MustCompile(`/[0-9]+`)

// Faults lists the faults of an answer, in order, and insists on a sentence in the language asked for with each.
func Faults(t *testing.T, a Answer, key, lang string) []string {
	t.Helper()
	out := []string{}
	for _, f := range a.Items(key) {
		at := func(k string) string { s, _ := f[k].(string); return s }
		if chinese := Han.MatchString(at("message")); at("message") == "" || chinese != (lang == "zh") {
			t.Errorf("%v in %s", f, lang)
		}
		out = append(out, Fault(at("module"), at("field"), at("slot"), at("code"), at("rule")))
	}
	slices.Sort(out)
	return out
}

func WantedFaults(cases []catalogtest.Case) []string {
	var out []string
	for _, c := range cases {
		out = append(out, Fault(c.Module, c.Field, "", c.Code, ""))
	}
	slices.Sort(out)
	return out
}

// MergeRows tells a rule that several rows break once, with a star for the row, as the rule itself names its field.
func MergeRows(blames []string) []string {
	for i, b := range blames {
		if strings.Contains(b, " rule ") {
			blames[i] = rowIndex.ReplaceAllString(b, "/*")
		}
	}
	return slices.CompactFunc(blames, func(a, b string) bool { return a == b && strings.Contains(a, " rule ") })
}

// AboutAccount tells whether a rule is about the account's person; the demo's accounts are nobody's.
func AboutAccount(r catalog.Rule) bool { return strings.Contains(r.When, "applicant.idNumber") }

// FaultField is where a rule's faults are, whichever rows they are of.
func FaultField(r catalog.Rule) string {
	if r.Module == "recommenders" {
		return strings.TrimPrefix(r.Field, "/*")
	}
	return r.Field
}
