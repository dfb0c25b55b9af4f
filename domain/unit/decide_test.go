package unit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zhiping/domain"
	"zhiping/domain/unit"
)

func TestDecide(t *testing.T) {
	const uscc = "12220000127701509T"
	dept := domain.Organization{ID: "dept", Name: "主管部门"}
	registered := unit.Registered{USCC: uscc, Name: "示范大学", Department: dept}
	register := unit.Register{USCC: uscc, Name: " 示范大学 ", Department: dept}
	failing := register
	failing.CheckFailed = true
	explained := failing
	explained.OverrideReason = "营业执照如此"
	nameless, long, orphan := register, register, register
	nameless.Name, long.Name, orphan.Department = " ", strings.Repeat("大", 101), domain.Organization{}
	unplaced := register
	unplaced.Unplaced = true
	type events = []unit.Event
	for name, ex := range map[string]struct {
		given events
		when  unit.Command
		then  events
		err   error
	}{
		"a unit registers":                     {when: register, then: events{registered}},
		"twice is refused":                     {given: events{registered}, when: register, err: unit.ErrRegistered},
		"a failing check character is refused": {when: failing, err: unit.ErrCheckFailed},
		"unless a reason is given":             {when: explained, then: events{unit.Registered{USCC: uscc, Name: "示范大学", Department: dept, OverrideReason: "营业执照如此"}}},
		"a blank name":                         {when: nameless, err: domain.ErrInvalid},
		"a name of 101 characters":             {when: long, err: domain.ErrInvalid},
		"without a department":                 {when: orphan, err: domain.ErrInvalid},
		"below an unknown department":          {when: unplaced, err: unit.ErrDepartment},
		"the department approves":              {given: events{registered}, when: unit.Approve{}, then: events{unit.Approved{USCC: uscc}}},
		"approving again changes nothing":      {given: events{registered, unit.Approved{USCC: uscc}}, when: unit.Approve{}},
		"a unit that nobody registered":        {when: unit.Approve{}, err: unit.ErrNotRegistered},
	} {
		t.Run(name, func(t *testing.T) {
			var s unit.State
			for _, e := range ex.given {
				s = unit.Evolve(s, e)
			}
			got, err := unit.Decide(s, ex.when)
			if !errors.Is(err, ex.err) || (err == nil) != (ex.err == nil) {
				t.Fatalf("error %v, want %v", err, ex.err)
			}
			if diff := cmp.Diff(ex.then, got); diff != "" {
				t.Fatalf("events (-want +got):\n%s", diff)
			}
		})
	}
}
