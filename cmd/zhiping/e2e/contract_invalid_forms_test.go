package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/domain/catalog"
	"zhiping/domain/catalog/catalogtest"
)

// everyType runs a test for each of the fifteen types at the same time.
func everyType(t *testing.T, run func(t *testing.T, d catalog.Definition)) {
	t.Helper()
	all, err := catalog.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	types := 0
	for _, line := range all.Lines() {
		for _, ref := range line.Types {
			types++
			d, _ := all.Definition(ref.Key)
			t.Run(ref.Key, func(t *testing.T) {
				t.Parallel()
				run(t, d)
			})
		}
	}
	if types != 15 {
		t.Fatalf("%d types", types)
	}
}

// Of each of the fifteen types: each required field missing, each limit exceeded, each rule broken, each required
// file not there. Every fault is told where it is, in words, and all of them at once.
func TestEveryFaultOfEveryTypeIsTold(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo")
	applicant := s.As("applicant")
	world.Bind(applicant, s.As("unit"), world.University)
	t.Run("types", func(t *testing.T) {
		everyType(t, func(t *testing.T, d catalog.Definition) {
			f := faulty{t: t, c: applicant, d: d, form: catalogtest.Form(d)}
			f.path = "/declarations/" + world.StartDeclaration(applicant, d)
			f.empty()
			for _, m := range d.Modules {
				f.save(m.Key, f.form[m.Key])
			}
			f.withoutFiles()
			for _, round := range catalogtest.Rounds(d) {
				f.round(round)
			}
			f.rules()
			f.experts()
		})
	})
	s.Stop()
}

// faulty is one declaration that everything is done wrong with.
type faulty struct {
	t    *testing.T
	c    *world.Caller
	d    catalog.Definition
	path string
	form map[string]json.RawMessage
}

func (f faulty) save(module string, data json.RawMessage) {
	f.t.Helper()
	f.c.Want(http.StatusOK, "", "PUT", f.path+"/modules/"+module, []byte(data))
}

// told insists that validation, in both languages, tells exactly these faults besides files that are not there.
func (f faulty) told(want []string) {
	f.t.Helper()
	for _, lang := range []string{"zh", "en"} {
		a := f.c.Want(http.StatusOK, "", "GET", f.path+"/validation", nil, "Accept-Language", lang)
		got := world.MergeRows(slices.DeleteFunc(world.Faults(f.t, a, "problems", lang), func(b string) bool { return slices.Contains(f.files(), b) }))
		if diff := cmp.Diff(want, got); diff != "" {
			f.t.Errorf("told in %s (-want +got):\n%s", lang, diff)
		}
	}
}

// files are the faults of a form that is whole but for its files.
func (f faulty) files() (out []string) {
	for _, s := range f.d.Slots {
		if s.Required && s.Module != "recommenders" && s.Key != "exception_proof" { // of 破格 alone
			rule := ""
			if s.When != "" {
				rule = s.Key
			}
			out = append(out, world.Fault(s.Module, "", s.Key, "slot_missing", rule))
		}
	}
	slices.Sort(out)
	return out
}

// empty is a form that nobody has written anything into; submitting says the same as validating.
func (f faulty) empty() {
	var want []string
	for _, m := range f.d.Modules {
		if m.Required {
			want = append(want, world.Fault(m.Key, "", "", "module_missing", ""))
		}
	}
	slices.Sort(want)
	f.told(want)
	refused := f.c.Want(http.StatusUnprocessableEntity, "invalid", "POST", f.path+"/submit", map[string]any{"commitment": true})
	validated := f.c.Want(http.StatusOK, "", "GET", f.path+"/validation", nil)
	if diff := cmp.Diff(world.Faults(f.t, validated, "problems", "zh"), world.Faults(f.t, refused, "errors", "zh")); diff != "" {
		f.t.Errorf("validation and submission differ (-validation +submission):\n%s", diff)
	}
}

func (f faulty) withoutFiles() {
	for _, lang := range []string{"zh", "en"} {
		a := f.c.Want(http.StatusOK, "", "GET", f.path+"/validation", nil, "Accept-Language", lang)
		if diff := cmp.Diff(f.files(), world.Faults(f.t, a, "problems", lang)); diff != "" {
			f.t.Errorf("files that are not there (-want +got):\n%s", diff)
		}
	}
}

// round saves a module with many faults. What can be known at once is refused, and nothing of it is kept; of the
// rest the data check tells.
func (f faulty) round(r catalogtest.Round) {
	want := world.WantedFaults(r.Cases)
	if !r.AtOnce {
		f.save(r.Module, r.Data)
		if slices.ContainsFunc(r.Cases, func(c catalogtest.Case) bool { return c.Field == "/exceptionalBasis" }) {
			want = append([]string{world.Fault("basic", "", "exception_proof", "slot_missing", "exception_proof")}, want...)
		}
		f.told(want)
		f.save(r.Module, f.form[r.Module])
		return
	}
	for _, lang := range []string{"zh", "en"} {
		a := f.c.Want(http.StatusUnprocessableEntity, "invalid", "PUT", f.path+"/modules/"+r.Module, []byte(r.Data), "Accept-Language", lang)
		if diff := cmp.Diff(want, world.Faults(f.t, a, "errors", lang)); diff != "" {
			f.t.Errorf("%s refused in %s (-want +got):\n%s\n%s", r.Module, lang, diff, r.Data)
		}
	}
}

func (f faulty) rules() {
	for _, r := range f.d.Rules {
		if world.AboutAccount(r) {
			continue
		}
		changes, ok := catalogtest.BreakingRule(r.Key, time.Now().AddDate(2, 0, 0)) // the demo's notices close then
		if !ok {
			f.t.Errorf("nobody knows how to break the rule %s", r.Key)
		}
		for module, fields := range changes {
			f.save(module, catalogtest.With(f.form[module], fields))
		}
		f.told([]string{world.Fault(r.Module, world.FaultField(r), "", "rule", r.Key)})
		for module := range changes {
			f.save(module, f.form[module])
		}
	}
}

// experts enters two recommenders wrongly in every way, where the type knows 破格.
func (f faulty) experts() {
	if f.d.Recommender == nil {
		return
	}
	catalogtest.ByExperts(f.d, f.form)
	f.save("basic", f.form["basic"])
	f.told([]string{world.Fault("basic", "", "exception_proof", "slot_missing", "exception_proof"), world.Fault("recommenders", "", "", "recommender_count", "")})
	if a := f.c.Upload(strings.TrimPrefix(f.path, "/declarations/"), "exception_proof", "", "依据.pdf", world.PDF("依据")); a.Status != http.StatusCreated {
		f.t.Fatalf("%d %s", a.Status, a.Raw)
	}
	var paths []string
	for i := range f.d.Recommender.Count {
		added := f.c.Want(http.StatusCreated, "", "POST", f.path+"/recommenders", []byte(catalogtest.RecommenderData(f.d, i)))
		paths = append(paths, f.path+"/recommenders/"+added.Str("id"))
	}
	unsigned := world.Fault("recommenders", "", "recommendation", "slot_missing", "")
	f.told([]string{unsigned, unsigned})
	for _, r := range catalogtest.RecommenderRounds(f.d) {
		if r.AtOnce {
			a := f.c.Want(http.StatusUnprocessableEntity, "invalid", "PUT", paths[0], []byte(r.Data))
			if diff := cmp.Diff(world.WantedFaults(r.Cases), world.Faults(f.t, a, "errors", "zh")); diff != "" {
				f.t.Errorf("a recommender refused (-want +got):\n%s", diff)
			}
			continue
		}
		f.c.Want(http.StatusOK, "", "PUT", paths[0], []byte(r.Data))
		f.told(slices.Sorted(slices.Values(append(world.WantedFaults(r.Cases), unsigned, unsigned))))
		f.c.Want(http.StatusOK, "", "PUT", paths[0], []byte(catalogtest.RecommenderData(f.d, 0)))
	}
	for _, r := range f.d.Recommender.Rules {
		if world.AboutAccount(r) || r.Warning {
			continue
		}
		changes, _ := catalogtest.BreakingExpertRule(f.d, r.Key)
		for i, fields := range changes {
			f.c.Want(http.StatusOK, "", "PUT", paths[i], []byte(catalogtest.With(catalogtest.RecommenderData(f.d, i), fields)))
		}
		f.told(slices.Sorted(slices.Values([]string{unsigned, unsigned, world.Fault(r.Module, world.FaultField(r), "", "rule", r.Key)})))
		for i := range changes {
			f.c.Want(http.StatusOK, "", "PUT", paths[i], []byte(catalogtest.RecommenderData(f.d, i)))
		}
	}
}
