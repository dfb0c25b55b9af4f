package trail

import (
	"encoding/json"
	"testing"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/domain/text"
)

func TestEveryEventChangesAuditedValuesOrIsDeclaredToChangeNone(t *testing.T) {
	for _, e := range commands.EventTypes() {
		set, err := values(e.Zero, declaration.Progress{})
		if err != nil {
			t.Fatal(err)
		}
		changes, declared := len(set) > 0, e.Shown&domain.InAudit != 0
		switch {
		case declared && !changes:
			t.Errorf("readmodels/trail/trail.go, values: add\n\tcase %T:\n\t\tset[\"/<path>\"] = ev.<field>", e.Zero)
		case changes && !declared:
			t.Errorf("EventTypes, line of %s: add | domain.InAudit to Shown", e.Name)
		}
	}
}

func TestEntriesShowWhatChanged(t *testing.T) {
	saved := func(name string) declaration.ModuleSaved {
		return declaration.ModuleSaved{Module: "basic", Data: json.RawMessage(`{"name":"` + name + `","papers":[{"title":"甲"}]}`)}
	}
	var events []domain.Recorded
	for i, e := range []declaration.Event{declaration.Started{}, saved("王一"), saved("王二")} {
		events = append(events, domain.Recorded{Stream: "declaration-1", Revision: uint64(i), Type: "ModuleSaved", Meta: domain.Metadata{ActorName: "某人"}, Event: e})
	}
	entries, err := Of(events)
	if err != nil {
		t.Fatal(err)
	}
	entry := entries[2]
	if len(entry.Changes) != 1 || entry.Changes[0].Path != "/modules/basic/name" ||
		string(entry.Changes[0].Before) != `"王一"` || string(entry.Changes[0].After) != `"王二"` {
		t.Fatalf("%+v", entry.Changes)
	}
	if entry.Actor.Name != "某人" || entry.StreamRevision != 2 || entry.Type != "ModuleSaved" {
		t.Fatalf("%+v", entry)
	}
}

func TestEveryEventHasASentence(t *testing.T) {
	for _, typ := range commands.EventTypes() {
		if !text.Has("event." + typ.Name) {
			t.Errorf("domain/text/messages.yaml: add\nevent.%s: {zh: '', en: ''}", typ.Name)
		}
	}
}
