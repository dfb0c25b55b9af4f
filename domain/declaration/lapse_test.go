package declaration_test

import (
	"testing"
	"time"

	"zhiping/domain/declaration"
)

func TestLapsed(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, ex := range map[string]struct {
		status   declaration.Status
		deadline time.Time
		open     bool
		want     bool
	}{
		"a draft of an open notice":            {declaration.StatusDraft, time.Time{}, true, false},
		"a draft of a closed notice":           {declaration.StatusDraft, time.Time{}, false, true},
		"a withdrawn one of a closed notice":   {declaration.StatusWithdrawn, time.Time{}, false, true},
		"a returned one, whatever the notice":  {declaration.StatusReturned, noon.Add(time.Hour), false, false},
		"a returned one at its last moment":    {declaration.StatusReturned, noon, false, false},
		"a returned one too late, notice open": {declaration.StatusReturned, noon.Add(-1), true, true},
		"a returned one without a deadline":    {declaration.StatusReturned, time.Time{}, false, false},
		"one under review has nothing to miss": {declaration.StatusSubmitted, time.Time{}, false, false},
		"nor has one that is approved":         {declaration.StatusApproved, time.Time{}, false, false},
		"nor one whose review was terminated":  {declaration.StatusTerminated, noon.Add(-1), false, false},
		"an old deadline after resubmitting":   {declaration.StatusSubmitted, noon.Add(-1), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := declaration.Lapsed(ex.status, ex.deadline, ex.open, noon); got != ex.want {
				t.Fatalf("%v", got)
			}
		})
	}
}
