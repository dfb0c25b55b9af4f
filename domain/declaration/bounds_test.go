package declaration_test

import (
	"encoding/json"
	"testing"

	"zhiping/domain"
	"zhiping/domain/declaration"
)

// Every way to lengthen a declaration's stream, or to store content, ends at a bound; submitting does not.
func TestADeclarationHasBounds(t *testing.T) {
	used := func(u domain.Usage) declaration.Facts {
		return with(facts(t), func(f *declaration.Facts) { f.Usage = u })
	}
	hour, all := used(domain.Usage{ThisHour: declaration.MaxEditsPerHour}), used(domain.Usage{Events: declaration.MaxEdits})
	attached := with(facts(t), func(f *declaration.Facts) { f.AttachedToday = declaration.MaxAttachedToday })
	ever := used(domain.Usage{Bytes: declaration.MaxAttached})
	exceptional := declaration.ModuleSaved{Module: "basic", Data: json.RawMessage(`{"name":"王一","category":"exceptional"}`)}
	expert := declaration.RecommenderAdded{ID: expertID, Data: json.RawMessage(`{"name":"李教授"}`)}
	full := declaration.ModuleSaved{Module: "work", Data: json.RawMessage(make([]byte, declaration.MaxEntered))}
	given := events{started, exceptional, work, expert, declaration.FileAttached{File: file}}
	other := file
	other.ID = expertID
	examples := map[string]example{
		"an upload beyond a day's bytes":    {Given: given, Facts: attached, When: declaration.AttachFile{File: other}, Err: declaration.ErrAttachedToday},
		"an upload beyond what it may take": {Given: given, Facts: ever, When: declaration.AttachFile{File: other}, Err: declaration.ErrAttached},
		"what is saved beyond that":         {Given: after(given, full), When: declaration.SaveModule{Module: "basic", Data: json.RawMessage(`{"name":"王二"}`)}, Err: declaration.ErrEntered},
		"an expert beyond that":             {Given: events{started, exceptional, full}, When: declaration.AddRecommender{ID: expertID, Data: json.RawMessage(`{"name":"赵"}`)}, Err: declaration.ErrEntered},
		"removing beyond the bytes":         {Given: given, Facts: ever, When: declaration.RemoveFile{ID: fileID}, Then: events{declaration.FileRemoved{File: file}}},
		"submitting at every bound":         {Given: events{started, basic}, Facts: used(domain.Usage{Events: declaration.MaxEdits, ThisHour: declaration.MaxEditsPerHour}), When: declaration.Submit{Commitment: true}, Then: events{submitted(1, "unit")}},
		"withdrawing within the hour":       {Given: events{started, basic, submitted(1, "unit")}, Facts: hour, When: declaration.Withdraw{}, Err: declaration.ErrEditsPerHour},
	}
	for name, c := range map[string]declaration.Command{
		"saving": declaration.SaveModule{Module: "basic", Data: json.RawMessage(`{"name":"王二"}`)}, "attaching": declaration.AttachFile{File: other},
		"removing a file": declaration.RemoveFile{ID: fileID}, "changing an expert": declaration.ChangeRecommender{ID: expertID, Data: json.RawMessage(`{"name":"赵"}`)},
		"removing an expert": declaration.RemoveRecommender{ID: expertID},
	} {
		examples[name+" too often within an hour"] = example{Given: given, Facts: hour, When: c, Err: declaration.ErrEditsPerHour}
		examples[name+" too often in all"] = example{Given: given, Facts: all, When: c, Err: declaration.ErrEdits}
	}
	run(t, examples)
}
