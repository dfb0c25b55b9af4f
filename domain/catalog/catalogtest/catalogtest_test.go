package catalogtest_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/catalog/catalogtest"
)

func every(t *testing.T, check func(t *testing.T, c *catalog.Checker)) {
	t.Helper()
	all, err := catalog.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	types := 0
	for _, line := range all.Lines() {
		for _, ref := range line.Types {
			d, ok := all.Definition(ref.Key)
			if !ok {
				t.Fatalf("no definition of %s", ref.Key)
			}
			c, err := catalog.Compile(d)
			if err != nil {
				t.Fatal(err)
			}
			types++
			t.Run(d.Type, func(t *testing.T) {
				t.Parallel()
				check(t, c)
			})
		}
	}
	if types != 15 {
		t.Fatalf("%d types", types)
	}
}

func TestAWholeFormMayBeSubmittedForEveryType(t *testing.T) {
	every(t, func(t *testing.T, c *catalog.Checker) {
		d := c.Definition()
		for _, byExperts := range []bool{false, true} {
			f := catalogtest.Whole(d, byExperts)
			for _, fault := range c.Validate(f) {
				t.Errorf("by experts %v: %+v", byExperts, fault)
			}
			for _, m := range d.Modules {
				if faults := c.CheckModule(m.Key, f.Modules[m.Key]); len(faults) > 0 {
					t.Errorf("%s: %+v", m.Key, faults)
				}
			}
			if open := byExperts && d.Recommender != nil; c.RecommendersOpen(f) != open {
				t.Errorf("recommenders open: %v", !open)
			}
		}
	})
}

func TestEveryBrokenConstraintIsFoundWhereItIs(t *testing.T) {
	every(t, func(t *testing.T, c *catalog.Checker) {
		cases := 0
		for _, r := range catalogtest.Rounds(c.Definition()) {
			cases += len(r.Cases)
			saved := c.CheckModule(r.Module, r.Data)
			submitted := c.Validate(catalog.Form{Modules: map[string]json.RawMessage{r.Module: r.Data}})
			for _, k := range r.Cases {
				if has(saved, k, "") != k.AtOnce {
					t.Errorf("%s: refused on saving %v, want %v", k.Name, !k.AtOnce, k.AtOnce)
				}
				if !has(submitted, k, "") {
					t.Errorf("%s: submission is not refused for it: %+v", k.Name, submitted)
				}
			}
		}
		if cases < 100 {
			t.Fatalf("only %d cases: the schemas were not read", cases)
		}
	})
}

func TestEveryBrokenConstraintOfARecommenderIsFound(t *testing.T) {
	every(t, func(t *testing.T, c *catalog.Checker) {
		d := c.Definition()
		for _, r := range catalogtest.RecommenderRounds(d) {
			saved := c.CheckRecommender(r.Data)
			f := catalogtest.Whole(d, true)
			f.Recommenders[1].Data = r.Data
			submitted := c.Validate(f)
			for _, k := range r.Cases {
				if has(saved, k, "") != k.AtOnce {
					t.Errorf("%s: refused on saving %v, want %v", k.Name, !k.AtOnce, k.AtOnce)
				}
				if !has(submitted, k, f.Recommenders[1].ID) {
					t.Errorf("%s: submission is not refused for it: %+v", k.Name, submitted)
				}
			}
		}
	})
}

func TestEveryRequiredFileIsAskedFor(t *testing.T) {
	every(t, func(t *testing.T, c *catalog.Checker) {
		d := c.Definition()
		for _, s := range d.Slots {
			if !s.Required || s.When != "" {
				continue
			}
			f := catalogtest.Whole(d, true)
			f.Files = slices.DeleteFunc(f.Files, func(file catalog.File) bool { return file.Slot == s.Key })
			ok := slices.ContainsFunc(c.Validate(f), func(fault domain.Fault) bool {
				return fault.Slot == s.Key && fault.Module == s.Module && (fault.Recommender != "") == (s.Module == "recommenders")
			})
			if !ok {
				t.Errorf("nobody asks for %s", s.Key)
			}
		}
	})
}

func TestEveryBrokenRuleIsFound(t *testing.T) {
	every(t, func(t *testing.T, c *catalog.Checker) {
		d := c.Definition()
		for _, r := range d.Rules {
			changes, ok := catalogtest.BreakingRule(r.Key, catalogtest.CutOff())
			if !ok {
				t.Errorf("nobody knows how to break the rule %s", r.Key)
			}
			f := catalogtest.Whole(d, false)
			for module, fields := range changes {
				f.Modules[module] = catalogtest.With(f.Modules[module], fields)
			}
			broken(t, c, f, r)
		}
		if d.Recommender == nil {
			return
		}
		for _, r := range d.Recommender.Rules {
			changes, ok := catalogtest.BreakingExpertRule(d, r.Key)
			if !ok {
				t.Errorf("nobody knows how to break the rule %s", r.Key)
			}
			f := catalogtest.Whole(d, true)
			for i, fields := range changes {
				f.Recommenders[i].Data = catalogtest.With(f.Recommenders[i].Data, fields)
			}
			broken(t, c, f, r)
		}
	})
}

// broken insists that one rule is broken and nothing else; one on rows may be broken by several.
func broken(t *testing.T, c *catalog.Checker, f catalog.Form, r catalog.Rule) {
	t.Helper()
	faults, others := c.Validate(f), c.Warnings(f)
	if r.Warning {
		faults, others = others, faults
	}
	if len(others) > 0 {
		t.Errorf("breaking %s: %+v besides", r.Key, others)
	}
	field := regexp.MustCompile("^" + strings.ReplaceAll(strings.TrimPrefix(r.Field, map[bool]string{true: "/*"}[r.Module == "recommenders"]), "*", "[0-9]+") + "$")
	for _, fault := range faults {
		named := (fault.Recommender != "") == (r.Module == "recommenders" && strings.Contains(r.Field, "*"))
		if fault.Rule != r.Key || fault.Module != r.Module || !named || !field.MatchString(fault.Field) || !strings.HasSuffix(fault.Message.ZH, r.Message.ZH) {
			t.Errorf("breaking %s: %+v", r.Key, fault)
		}
	}
	if len(faults) == 0 || len(faults) > 1 && !strings.Contains(r.Field, "*") {
		t.Errorf("breaking %s: %+v", r.Key, faults)
	}
}

func has(faults []domain.Fault, k catalogtest.Case, recommender string) bool {
	return slices.ContainsFunc(faults, func(f domain.Fault) bool {
		return f.Module == k.Module && f.Field == k.Field && f.Code == k.Code && f.Recommender == recommender &&
			f.Message.ZH != "" && f.Message.EN != "" && f.Message.ZH != "fault."+f.Code
	})
}

// What forms choose where they may is there to be chosen: a word that no schema has would choose nothing, unnoticed.
func TestWhatQualifiesIsAChoiceSomewhere(t *testing.T) {
	all, err := catalog.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	var forms []byte
	for _, line := range all.Lines() {
		for _, ref := range line.Types {
			d, _ := all.Definition(ref.Key)
			for _, m := range d.Modules {
				forms = append(forms, m.Schema...)
			}
			if d.Recommender != nil {
				forms = append(forms, d.Recommender.Schema...)
			}
		}
	}
	for field, value := range catalogtest.Qualifying() {
		choice := regexp.MustCompile(`"` + field + `":\s*\{[^{}\[]*"enum":\s*\[[^\]]*"` + value + `"`)
		if !choice.Match(forms) {
			t.Errorf("no field %s offers %s", field, value)
		}
	}
}
