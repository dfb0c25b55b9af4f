package folds_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/domain/text"
	"zhiping/projections"
	"zhiping/projections/folds"
	"zhiping/readmodels/views"
)

var (
	id        = uuid.MustParse("00000000-0000-5000-8000-000000000001")
	applicant = domain.Organization{ID: "wang", Name: "王一"}
	unit      = domain.Organization{ID: "12220000127701509T", Name: "示范大学"}
	dept      = domain.Organization{ID: "dept", Name: "主管部门"}
	committee = domain.Organization{ID: "committee", Name: "评委会"}
	route     = []declaration.Stage{
		{Key: "unit", Kind: "unit", Name: text.Same("推荐单位审核"), Organization: unit},
		{Key: "department", Kind: "department", Name: text.Same("主管部门审核"), Organization: dept},
		{Key: "committee", Kind: "committee", Name: text.Same("评委会评审"), Organization: committee},
	}
	began = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
)

// recorded gives events their place in a declaration's stream, a minute apart.
func recorded(events ...declaration.Event) (out []domain.Recorded) {
	names := map[string]string{}
	for _, t := range commands.EventTypes() {
		names[fmt.Sprintf("%T", t.Zero)] = t.Name
	}
	for i, e := range events {
		out = append(out, domain.Recorded{
			Stream: domain.Stream(domain.CategoryDeclaration, id.String()), Revision: uint64(i), Position: uint64(100 + 10*i),
			ID: domain.DerivedID("event", fmt.Sprint(i)), Type: names[fmt.Sprintf("%T", e)], At: began.Add(time.Duration(i) * time.Minute),
			Meta: domain.Metadata{Actor: "someone", ActorName: "某人", CommandID: domain.DerivedID("command", fmt.Sprint(i))}, Event: e,
		})
	}
	return out
}

func started() declaration.Started {
	return declaration.Started{ID: id, Number: "2026-X", Notice: declaration.NoticeRef{ID: uuid.MustParse("00000000-0000-5000-8000-000000000002"), Type: "title.regular", Title: "通知"},
		Applicant: applicant, Unit: unit, Department: dept}
}

func saved(name string) declaration.ModuleSaved {
	return declaration.ModuleSaved{Module: "basic", Data: json.RawMessage(`{"name":"` + name + `","papers":[{"title":"甲"}]}`)}
}

func submitted(round int, stage string) declaration.Submitted {
	return declaration.Submitted{Round: round, Unit: unit, Department: dept, Route: route, Stage: stage}
}

func passed(i int) declaration.StageApproved {
	return declaration.StageApproved{Stage: route[i].Key, Organization: route[i].Organization, Next: route[i+1].Key}
}

func returned(i int) declaration.Returned {
	return declaration.Returned{Stage: route[i].Key, Organization: route[i].Organization, Opinion: "请更正", Modules: []string{"basic"}}
}

func document[D any](t testing.TB, f projections.Fold, key string, events []domain.Recorded) *D {
	t.Helper()
	docs, err := projections.Documents(f, events...)
	if err != nil {
		t.Fatal(err)
	}
	d, ok := docs[key].(*D)
	if !ok {
		t.Fatalf("no document %s", key)
	}
	return d
}

func TestTimelineTellsTheWholeWay(t *testing.T) {
	for name, ex := range map[string]struct {
		events []declaration.Event
		want   []string
	}{
		"a draft": {[]declaration.Event{started()}, []string{"1 applicant current"}},
		"submitted": {[]declaration.Event{started(), submitted(1, "unit")},
			[]string{"1 applicant done", "1 unit current", "1 department pending", "1 committee pending"}},
		"withdrawn": {[]declaration.Event{started(), submitted(1, "unit"), declaration.Withdrawn{Stage: "unit"}},
			[]string{"1 applicant done", "1 applicant current"}},
		"returned": {[]declaration.Event{started(), submitted(1, "unit"), passed(0), returned(1)},
			[]string{"1 applicant done", "1 unit done", "1 department returned", "2 applicant current"}},
		"resubmitted to the stage that returned it": {[]declaration.Event{started(), submitted(1, "unit"), passed(0), returned(1), submitted(2, "department")},
			[]string{"1 applicant done", "1 unit done", "1 department returned", "2 applicant done", "2 department current", "2 committee pending"}},
		"terminated": {[]declaration.Event{started(), submitted(1, "unit"), declaration.Terminated{Stage: "unit", Organization: unit, Opinion: "不符"}},
			[]string{"1 applicant done", "1 unit terminated"}},
		"approved": {[]declaration.Event{started(), submitted(1, "unit"), passed(0), passed(1), declaration.Approved{Stage: "committee", Organization: committee}},
			[]string{"1 applicant done", "1 unit done", "1 department done", "1 committee done"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, n := range document[views.Timeline](t, folds.Timeline(), id.String(), recorded(ex.events...)).Nodes {
				got = append(got, fmt.Sprintf("%d %s %s", n.Round, n.Stage, n.State))
			}
			if !slices.Equal(got, ex.want) {
				t.Fatalf("%v, want %v", got, ex.want)
			}
		})
	}
}

func TestWorkWaitsForOneOrganizationAtATime(t *testing.T) {
	events := recorded(started(), submitted(1, "unit"), passed(0), passed(1), declaration.Approved{Stage: "committee"})
	for n, want := range []string{"", unit.ID, dept.ID, committee.ID, ""} {
		w := document[views.Work](t, folds.Worklist(), id.String(), events[:n+1])
		if w.Organization.ID != want {
			t.Errorf("after %s it waits for %q, want %q", events[n].Type, w.Organization.ID, want)
		}
		if found := views.Worklists.Fields(w) != nil; found != (want != "") {
			t.Errorf("after %s a query finds it: %v", events[n].Type, found)
		}
		if w.Last != (want == committee.ID) {
			t.Errorf("after %s last is %v", events[n].Type, w.Last)
		}
	}
}

func TestAuditEntryTellsWhereItsEventIs(t *testing.T) {
	events := recorded(started(), saved("王一"), saved("王二"), submitted(1, "unit"))
	if ref := document[views.Audit](t, folds.Audit(), views.EntryID(events[2].At, events[2].Position), events); ref.Revision != 2 || ref.Stream != events[2].Stream {
		t.Fatalf("%+v", ref)
	}
}

// Whatever happens to a declaration, its status is the same in every view, and the timeline's current node is where
// the worklist says it waits.
func TestViewsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := []declaration.Event{started()}
		s := declaration.Evolve(declaration.State{}, started())
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			var next declaration.Event
			_, i, waiting := s.Current()
			switch kind := rapid.IntRange(0, 4).Draw(t, "kind"); {
			case !waiting && (s.Status == declaration.StatusApproved || s.Status == declaration.StatusTerminated):
				continue
			case !waiting:
				next = submitted(s.Round+1, rapid.SampledFrom([]string{"unit", "department"}).Draw(t, "entry"))
			case kind == 0 && !s.Decided:
				next = declaration.Withdrawn{Stage: s.Stage}
			case kind == 1:
				next = returned(i)
			case kind == 2 && rapid.Bool().Draw(t, "end"):
				next = declaration.Terminated{Stage: s.Stage, Organization: route[i].Organization}
			case i == len(route)-1:
				next = declaration.Approved{Stage: s.Stage, Organization: committee}
			default:
				next = passed(i)
			}
			events, s = append(events, next), declaration.Evolve(s, next)
		}
		rec := recorded(events...)
		key := id.String()
		timeline := document[views.Timeline](asTB(t), folds.Timeline(), key, rec)
		history := document[views.History](asTB(t), folds.History(), key, rec)
		content := document[views.Content](asTB(t), folds.Content(), key, rec)
		work := document[views.Work](asTB(t), folds.Worklist(), key, rec)
		steps := document[views.Stats](asTB(t), folds.Statistics(), rec[0].Stream, rec).Declaration.Steps
		for view, got := range map[string]declaration.Progress{
			"timeline": timeline.State.Progress, "history": history.Progress, "worklist": work.Progress, "stats": steps[len(steps)-1].Progress,
		} {
			if got != s.Progress {
				t.Fatalf("%s: %+v, the state says %+v", view, got, s.Progress)
			}
		}
		current := []string{}
		for _, n := range timeline.Nodes {
			if n.State == views.NodeCurrent {
				current = append(current, n.Stage)
			}
		}
		switch {
		case s.Status == declaration.StatusSubmitted && (len(current) != 1 || current[0] != s.Stage || work.Stage != s.Stage):
			t.Fatalf("it waits at %s; timeline %v, worklist %q", s.Stage, current, work.Stage)
		case s.Status != declaration.StatusSubmitted && work.Organization.ID != "":
			t.Fatalf("%s, but on the worklist of %s", s.Status, work.Organization.ID)
		case (timeline.Return != nil) != (s.Status == declaration.StatusReturned):
			t.Fatalf("%s with return %+v", s.Status, timeline.Return)
		}
		joined := timeline.State
		joined.SelfCheck, joined.Modules, joined.Files, joined.Recommenders = content.SelfCheck, content.Modules, content.Files, content.Recommenders
		if timeline.Content != content.Revision {
			t.Fatalf("the timeline belongs to content %d, which is at %d", timeline.Content, content.Revision)
		}
		if diff := cmp.Diff(s, joined, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(declaration.State{})); diff != "" {
			t.Fatalf("the joined documents differ from the state: %s", diff)
		}
	})
}

// asTB lets the helper fail a property: rapid.T is a testing.TB but for its sealing.
func asTB(t *rapid.T) testing.TB { return failing{t: t} }

type failing struct {
	testing.TB
	t *rapid.T
}

func (f failing) Helper()                        {}
func (f failing) Fatal(args ...any)              { f.t.Fatal(args...) }
func (f failing) Fatalf(format string, a ...any) { f.t.Fatalf(format, a...) }

// Every event belongs to a document of at least one view beside the audit trail, or its category has no view.
func TestEveryEventIsOfInterestToAView(t *testing.T) {
	unseen := map[string]bool{domain.CategoryQuota: true, domain.CategoryAccount: true} // read from their streams only
	for _, typ := range commands.EventTypes() {
		category := categoryOf(t, typ.Zero)
		if unseen[category] {
			continue
		}
		var interested []string
		for _, f := range folds.All() {
			docs, err := projections.Documents(f, domain.Recorded{Stream: domain.Stream(category, id.String()), Position: 1, Type: typ.Name, Event: typ.Zero})
			if name := f.Spec().Name; name != views.Audits.Name && (err != nil || len(docs) > 0) {
				interested = append(interested, name)
			}
		}
		if len(interested) == 0 {
			t.Errorf("projections/folds: no view shows %s; add\n\tcase %T:", typ.Name, typ.Zero)
		}
	}
}

func categoryOf(t *testing.T, event any) string {
	t.Helper()
	pkg, _, _ := strings.Cut(fmt.Sprintf("%T", event), ".")
	for _, c := range []string{domain.CategoryUnit, domain.CategoryBinding, domain.CategoryNotice, domain.CategoryDeclaration,
		domain.CategoryOrganization, domain.CategoryQuota, domain.CategoryAccount} {
		if c == pkg {
			return c
		}
	}
	t.Fatalf("no category is called %s", pkg)
	return ""
}
