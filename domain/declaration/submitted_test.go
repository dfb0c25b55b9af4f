package declaration_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zhiping/domain/declaration"
)

// Offices see what was submitted, from the first submission on, and nothing that is entered between a return or a withdrawal and
// the next submission.
func TestOfficesSeeTheLastSubmission(t *testing.T) {
	rewritten := declaration.ModuleSaved{Module: "basic", Data: json.RawMessage(`{"name":"改写"}`)}
	added := declaration.RecommenderAdded{ID: expertID, Data: json.RawMessage(`{"name":"李教授"}`)}
	ready := events{started, basic, work, declaration.FileAttached{File: file}}
	edits := events{rewritten, declaration.FileRemoved{File: file}, added}
	review := after(ready, submitted(1, "unit"))
	for name, ex := range map[string]struct {
		given events
		seen  events // whose content is seen; nil for nothing
	}{
		"a draft":                   {ready, nil},
		"what is submitted":         {review, ready},
		"withdrawn":                 {after(review, declaration.Withdrawn{Stage: "unit"}), ready},
		"rewritten when withdrawn":  {after(after(review, declaration.Withdrawn{Stage: "unit"}), edits...), ready},
		"returned":                  {after(review, returned("unit", unit, "basic", "work")), ready},
		"rewritten when returned":   {after(after(review, returned("unit", unit, "basic", "work")), edits...), ready},
		"submitted again":           {after(after(after(review, returned("unit", unit, "basic", "work")), edits...), submitted(2, "unit")), after(ready, edits...)},
		"withdrawn after rewriting": {after(after(after(after(review, declaration.Withdrawn{Stage: "unit"}), edits...), submitted(2, "unit")), declaration.Withdrawn{Stage: "unit"}), after(ready, edits...)},
	} {
		t.Run(name, func(t *testing.T) {
			var now, want declaration.State
			for _, e := range ex.given {
				now = declaration.Evolve(now, e)
			}
			for _, e := range ex.seen {
				want = declaration.Evolve(want, e)
			}
			got, ok := now.AsSubmitted()
			if ok != (ex.seen != nil) {
				t.Fatalf("seen: %v", ok)
			}
			for part, pair := range map[string][2]any{
				"modules": {want.Modules, got.Modules}, "files": {want.Files, got.Files}, "recommenders": {want.Recommenders, got.Recommenders}, "self-check": {want.SelfCheck, got.SelfCheck},
			} {
				if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", part, diff)
				}
			}
			if ok && (got.Status != now.Status || got.Round != now.Round || got.Correction != now.Correction) {
				t.Errorf("where it stands differs: %+v", got)
			}
		})
	}
}
