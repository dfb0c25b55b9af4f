package declaration_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"zhiping/domain"
	"zhiping/domain/declaration"
)

// Whatever anybody asks in whatever order, the promises of the manual hold: nothing is edited under review, nobody
// decides out of stage, marks exist only while returned, and only marked modules change then. A state that was written to
// JSON and read again in the middle goes on like the one in memory, so a state holds nothing but what its fields say, and Evolve
// changes nothing that an earlier state shares.
func TestPromisesHoldUnderRandomCommands(t *testing.T) {
	check := climbing(t).Checker
	rapid.Check(t, func(t *rapid.T) {
		var s declaration.State
		var log events
		base := declaration.Facts{Now: now, Checker: check, ID: id, Applicant: applicant, Department: dept,
			Notice: declaration.Notice{ID: noticeID, Published: true, Open: true, Committee: committee, CorrectionDays: 10}}
		for i := range rapid.IntRange(1, 60).Draw(t, "commands") {
			f := base
			f.Now = now.AddDate(0, 0, rapid.IntRange(0, 20).Draw(t, "day"))
			f.Notice.Open = rapid.Float64Range(0, 1).Draw(t, "open") > 0.1
			f.Notice.ResubmitTo = rapid.SampledFrom([]string{"", "first", "returning"}).Draw(t, "resubmit")
			f.Unit = rapid.SampledFrom([]domain.Organization{unit, unit, unit2, {}}).Draw(t, "bound to")
			f.Above = rapid.SampledFrom([][]domain.Organization{nil, {city}, {city, province}, {province}}).Draw(t, "above")
			f.Organization = rapid.SampledFrom([]domain.Organization{unit, unit2, dept, city, province, committee, {}}).Draw(t, "officer of")
			c := randomCommand(t, i)
			es, err := declaration.Decide(s, f, c)
			if err != nil {
				var known *domain.Error
				if len(es) > 0 || !errors.As(err, &known) {
					t.Fatalf("%T: %d events beside the refusal %v", c, len(es), err)
				}
				continue
			}
			next := s
			for _, e := range es {
				allowed(t, next, f, e)
				next = declaration.Evolve(next, e)
				log = append(log, e)
			}
			sound(t, next)
			s = next
		}
		half := rapid.IntRange(0, len(log)).Draw(t, "half")
		var first, stored declaration.State
		for _, e := range log[:half] {
			first = declaration.Evolve(first, e)
		}
		before := mustJSON(t, first)
		if err := json.Unmarshal([]byte(before), &stored); err != nil {
			t.Fatal(err)
		}
		second := first
		for _, e := range log[half:] {
			second, stored = declaration.Evolve(second, e), declaration.Evolve(stored, e)
		}
		if a, b, c := mustJSON(t, s), mustJSON(t, second), mustJSON(t, stored); a != b || a != c {
			t.Fatalf("the fold in two halves differs:\n%s\n%s\n%s", a, b, c)
		}
		if after := mustJSON(t, first); after != before {
			t.Fatalf("a later event changed an earlier state:\n%s\n%s", before, after)
		}
	})
}

func randomCommand(t *rapid.T, i int) declaration.Command {
	module := rapid.SampledFrom([]string{"basic", "work"}).Draw(t, "module")
	rid := domain.DerivedID("expert", fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "expert")))
	fid := domain.DerivedID("file", fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "file")))
	switch rapid.IntRange(0, 13).Draw(t, "kind") {
	case 0:
		return declaration.Start{NoticeID: noticeID, SelfCheck: map[string]bool{"ethics": true}}
	case 1, 2:
		data := rapid.SampledFrom([]string{`{"name":"王%d"}`, `{"name":"王%d","category":"exceptional"}`, `{"years":%d}`, `{}`}).Draw(t, "data")
		if data != `{}` {
			data = fmt.Sprintf(data, i)
		}
		return declaration.SaveModule{Module: module, Data: json.RawMessage(data)}
	case 3:
		fl := file
		fl.ID = fid
		return declaration.AttachFile{File: fl}
	case 4:
		return declaration.RemoveFile{ID: fid}
	case 5:
		return declaration.AddRecommender{ID: rid, Data: json.RawMessage(`{"name":"李"}`)}
	case 13:
		name := rapid.SampledFrom([]string{"李", "赵", "钱"}).Draw(t, "name")
		return declaration.ChangeRecommender{ID: rid, Data: json.RawMessage(fmt.Sprintf(`{"name":%q}`, name))}
	case 6:
		return declaration.RemoveRecommender{ID: rid}
	case 7, 8:
		return declaration.Submit{Commitment: true}
	case 9:
		return declaration.Withdraw{}
	case 10:
		return declaration.ApproveStage{}
	case 11:
		return declaration.Return{Opinion: "改", Modules: []string{module}}
	default:
		if rapid.Bool().Draw(t, "final") {
			return declaration.ApproveFinal{}
		}
		return declaration.Terminate{Opinion: "不符"}
	}
}

// allowed checks one accepted event against the state that it was decided on.
func allowed(t *rapid.T, s declaration.State, f declaration.Facts, e declaration.Event) {
	stage, index, waiting := s.Current()
	decidedBy := func(key string) {
		if !waiting || stage.Key != key || stage.Organization.ID != f.Organization.ID {
			t.Fatalf("%T by %q at %q, but it waits at %q of %q", e, f.Organization.ID, key, stage.Key, stage.Organization.ID)
		}
	}
	edited := func(module string) {
		switch s.Status {
		case declaration.StatusDraft, declaration.StatusWithdrawn:
		case declaration.StatusReturned:
			ok := s.Marked(module) || module == declaration.ModuleRecommenders && s.Marked(declaration.ModuleBasic)
			if !ok || f.Now.After(s.Correction.Deadline) {
				t.Fatalf("%s changed while returned for %v", module, s.Correction.Modules)
			}
		default:
			t.Fatalf("%s changed while %s", module, s.Status)
		}
	}
	switch e := e.(type) {
	case declaration.ModuleSaved:
		edited(e.Module)
	case declaration.FileAttached:
		edited("work")
		if s.Modules["work"] == nil {
			t.Fatal("a file before its module was saved")
		}
	case declaration.FileRemoved:
		edited("work")
	case declaration.RecommenderAdded, declaration.RecommenderChanged, declaration.RecommenderRemoved:
		edited(declaration.ModuleRecommenders)
	case declaration.Submitted:
		if f.Unit.ID == "" || e.Unit != f.Unit || s.Modules["basic"] == nil {
			t.Fatalf("submitted to %q by one bound to %q", e.Unit.ID, f.Unit.ID)
		}
		if len(e.Route) != 3+len(f.Above) {
			t.Fatalf("%d stages with %d departments above", len(e.Route), len(f.Above))
		}
	case declaration.Withdrawn:
		if s.Decided {
			t.Fatal("withdrawn after a decision")
		}
	case declaration.StageApproved:
		decidedBy(e.Stage)
		if e.Next != s.Route[index+1].Key {
			t.Fatalf("passed from %s to %s", e.Stage, e.Next)
		}
	case declaration.Returned:
		decidedBy(e.Stage)
	case declaration.Terminated:
		decidedBy(e.Stage)
	case declaration.Approved:
		decidedBy(e.Stage)
		if index != len(s.Route)-1 {
			t.Fatalf("finally approved at %s", e.Stage)
		}
	}
}

// sound checks what holds in every state.
func sound(t *rapid.T, s declaration.State) {
	if (s.Correction != nil) != (s.Status == declaration.StatusReturned) {
		t.Fatalf("marks while %s", s.Status)
	}
	if _, _, waiting := s.Current(); waiting != (s.Status == declaration.StatusSubmitted) {
		t.Fatalf("%s at stage %q", s.Status, s.Stage)
	}
	if len(s.Recommenders) > 1 {
		t.Fatal("more recommenders than asked for")
	}
	if len(s.Files) > 2 {
		t.Fatal("more files than the slot holds")
	}
}

func mustJSON(t *rapid.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
