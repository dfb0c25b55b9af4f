package unit_test

import (
	"strings"
	"testing"

	"zhiping/domain"
	"zhiping/domain/domaintest"
	"zhiping/domain/unit"
)

func TestDecide(t *testing.T) {
	const uscc = "12220000127701509T"
	dept := domain.Organization{ID: "dept", Name: "主管部门"}
	registered := unit.Registered{USCC: uscc, Name: "示范大学", Department: dept}
	register := unit.Register{USCC: uscc, Name: " 示范大学 ", Department: dept}
	placed := unit.Facts{Department: dept}
	failing := unit.Facts{Department: dept, CheckFailed: true}
	explained := register
	explained.OverrideReason = "营业执照如此"
	nameless, long, orphan := register, register, register
	nameless.Name, long.Name, orphan.Department = " ", strings.Repeat("大", 101), domain.Organization{}
	type events = []unit.Event
	domaintest.Run(t, unit.Decide, unit.Evolve, map[string]domaintest.Example[unit.Facts, unit.Command, unit.Event]{
		"a unit registers":                     {Facts: placed, When: register, Then: events{registered}},
		"twice is refused":                     {Given: events{registered}, Facts: placed, When: register, Err: unit.ErrRegistered},
		"a failing check character is refused": {Facts: failing, When: register, Err: unit.ErrCheckFailed},
		"unless a reason is given":             {Facts: failing, When: explained, Then: events{unit.Registered{USCC: uscc, Name: "示范大学", Department: dept, OverrideReason: "营业执照如此"}}},
		"a blank name":                         {Facts: placed, When: nameless, Err: domain.ErrInvalid},
		"a name of 101 characters":             {Facts: placed, When: long, Err: domain.ErrInvalid},
		"without a department":                 {Facts: placed, When: orphan, Err: domain.ErrInvalid},
		"below an unknown department":          {When: register, Err: unit.ErrDepartment},
		"the department approves":              {Given: events{registered}, When: unit.Approve{}, Then: events{unit.Approved{USCC: uscc}}},
		"approving again changes nothing":      {Given: events{registered, unit.Approved{USCC: uscc}}, When: unit.Approve{}},
		"a unit that nobody registered":        {When: unit.Approve{}, Err: unit.ErrNotRegistered},
	})
}
