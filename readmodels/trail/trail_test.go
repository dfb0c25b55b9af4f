package trail

import (
	"testing"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/declaration"
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
