package binding_test

import (
	"testing"

	"pgregory.net/rapid"

	"zhiping/domain"
	"zhiping/domain/binding"
	"zhiping/domain/domaintest"
	"zhiping/domain/unit"
)

type events = []binding.Event

func TestDecide(t *testing.T) {
	wang := domain.Organization{ID: "wang", Name: "王一"}
	uni := domain.Organization{ID: "12220000127701509T", Name: "示范大学"}
	bind := binding.Bind{USCC: uni.ID}
	asks, decides := binding.Facts{Applicant: wang, Unit: uni}, binding.Facts{Officer: uni.ID}
	asked := binding.Requested{Applicant: wang, Unit: uni}
	agreed := binding.Approved{Unit: uni}
	domaintest.Run(t, binding.Decide, binding.Evolve, map[string]domaintest.Example[binding.Facts, binding.Command, binding.Event]{
		"an applicant asks":                   {Facts: asks, When: bind, Then: events{asked}},
		"asking while a request waits":        {Given: events{asked}, Facts: asks, When: bind, Err: binding.ErrPending},
		"asking while bound":                  {Given: events{asked, agreed}, Facts: asks, When: bind, Err: binding.ErrAlreadyBound},
		"asking a unit that is not approved":  {Facts: binding.Facts{Applicant: wang}, When: bind, Err: unit.ErrNotRegistered},
		"asking again after a refusal":        {Given: events{asked, binding.Rejected{Unit: uni, Opinion: "查无此人"}}, Facts: asks, When: bind, Then: events{asked}},
		"the unit approves":                   {Given: events{asked}, Facts: decides, When: binding.Approve{}, Then: events{agreed}},
		"another unit approves":               {Given: events{asked}, Facts: binding.Facts{Officer: "other"}, When: binding.Approve{}, Err: binding.ErrNotPending},
		"approving twice":                     {Given: events{asked, agreed}, Facts: decides, When: binding.Approve{}, Err: binding.ErrNotPending},
		"the unit refuses":                    {Given: events{asked}, Facts: decides, When: binding.Reject{Opinion: "查无此人"}, Then: events{binding.Rejected{Unit: uni, Opinion: "查无此人"}}},
		"refusing without a reason":           {Given: events{asked}, Facts: decides, When: binding.Reject{}, Err: domain.ErrInvalid},
		"refusing what nobody asked":          {Facts: decides, When: binding.Reject{Opinion: "x"}, Err: binding.ErrNotPending},
		"a request is withdrawn":              {Given: events{asked}, When: binding.Unbind{}, Then: events{binding.Withdrawn{Unit: uni}}},
		"a bound person leaves":               {Given: events{asked, agreed}, When: binding.Unbind{}, Then: events{binding.Unbound{Unit: uni}}},
		"not while a declaration is reviewed": {Given: events{asked, agreed}, Facts: binding.Facts{UnderReview: true}, When: binding.Unbind{}, Err: binding.ErrUnderReview},
		"asking too often within an hour":     {Facts: binding.Facts{Applicant: wang, Unit: uni, Usage: domain.Usage{ThisHour: binding.MaxEventsPerHour}}, When: bind, Err: binding.ErrTooMany},
		"asking too often in all":             {Facts: binding.Facts{Applicant: wang, Unit: uni, Usage: domain.Usage{Events: binding.MaxEvents}}, When: bind, Err: binding.ErrExhausted},
		"leaving is never too often":          {Given: events{asked, agreed}, Facts: binding.Facts{Usage: domain.Usage{Events: binding.MaxEvents, ThisHour: binding.MaxEventsPerHour}}, When: binding.Unbind{}, Then: events{binding.Unbound{Unit: uni}}},
		"leaving without a unit":              {When: binding.Unbind{}, Err: binding.ErrNotBound},
	})
}

// Whatever is asked in whatever order, a person never has two units: every request follows the end of what was
// before, and every approval follows a request to the same unit.
func TestNeverTwoBoundUnits(t *testing.T) {
	units := []domain.Organization{{ID: "a", Name: "甲"}, {ID: "b", Name: "乙"}}
	rapid.Check(t, func(t *rapid.T) {
		var s binding.State
		held := map[string]bool{} // units asked or bound, by the events alone
		for range rapid.IntRange(1, 40).Draw(t, "commands") {
			u := rapid.SampledFrom(units).Draw(t, "unit")
			f := binding.Facts{Unit: u, Officer: u.ID, UnderReview: rapid.Bool().Draw(t, "under review")}
			c := rapid.SampledFrom([]binding.Command{binding.Bind{USCC: u.ID}, binding.Approve{}, binding.Reject{Opinion: "不"}, binding.Unbind{}}).Draw(t, "command")
			es, err := binding.Decide(s, f, c)
			if err != nil && len(es) > 0 {
				t.Fatal("a refusal with events")
			}
			for _, e := range es {
				switch e := e.(type) {
				case binding.Requested:
					held[e.Unit.ID] = true
				case binding.Rejected:
					delete(held, e.Unit.ID)
				case binding.Withdrawn:
					delete(held, e.Unit.ID)
				case binding.Unbound:
					delete(held, e.Unit.ID)
				case binding.Approved:
					if !held[e.Unit.ID] {
						t.Fatalf("approved %s without a request", e.Unit.ID)
					}
				}
				s = binding.Evolve(s, e)
			}
			if len(held) > 1 {
				t.Fatalf("two units at once: %v", held)
			}
			if (s.Status != binding.StatusNone) != (len(held) == 1) {
				t.Fatalf("state %q, events say %v", s.Status, held)
			}
		}
	})
}
