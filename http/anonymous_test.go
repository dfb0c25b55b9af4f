package http

import (
	"reflect"
	"testing"

	"zhiping/commands"
	"zhiping/domain"
)

func TestEveryEventIsShownToAnalystsOrDeclaredPrivate(t *testing.T) {
	for _, e := range commands.EventTypes() {
		shown, declared := !reflect.DeepEqual(anonymous(e.Zero), map[string]any{}), e.Shown&domain.ToAnalysts != 0
		switch {
		case declared && !shown:
			t.Errorf("http/anonymous.go: add\n\tcase %T:\n\t\treturn map[string]any{}", e.Zero)
		case shown && !declared:
			t.Errorf("EventTypes, line of %s: add | domain.ToAnalysts to Shown", e.Name)
		}
	}
}
