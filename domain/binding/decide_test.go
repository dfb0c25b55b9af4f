package binding_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"zhiping/domain"
	"zhiping/domain/binding"
)

type events = []binding.Event

func fold(es events) (s binding.State) {
	for _, e := range es {
		s = binding.Evolve(s, e)
	}
	return s
}

func TestDecide(t *testing.T) {
	wang := domain.Organization{ID: "wang", Name: "王一"}
	uni := domain.Organization{ID: "12220000127701509T", Name: "示范大学"}
	bind := binding.Bind{USCC: uni.ID, Applicant: wang, Unit: uni}
	asked := binding.Requested{Applicant: wang, Unit: uni}
	agreed := binding.Approved{Unit: uni}
	for name, ex := range map[string]struct {
		given events
		when  binding.Command
		then  events
		err   error
	}{
		"an applicant asks":                   {when: bind, then: events{asked}},
		"asking while a request waits":        {given: events{asked}, when: bind, err: binding.ErrPending},
		"asking while bound":                  {given: events{asked, agreed}, when: bind, err: binding.ErrAlreadyBound},
		"asking a unit that is not approved":  {when: binding.Bind{USCC: uni.ID, Applicant: wang}, err: binding.ErrUnitNotRegistered},
		"asking again after a refusal":        {given: events{asked, binding.Rejected{Unit: uni, Opinion: "查无此人"}}, when: bind, then: events{asked}},
		"the unit approves":                   {given: events{asked}, when: binding.Approve{Unit: uni.ID}, then: events{agreed}},
		"another unit approves":               {given: events{asked}, when: binding.Approve{Unit: "other"}, err: binding.ErrNotPending},
		"approving twice":                     {given: events{asked, agreed}, when: binding.Approve{Unit: uni.ID}, err: binding.ErrNotPending},
		"the unit refuses":                    {given: events{asked}, when: binding.Reject{Unit: uni.ID, Opinion: "查无此人"}, then: events{binding.Rejected{Unit: uni, Opinion: "查无此人"}}},
		"refusing without a reason":           {given: events{asked}, when: binding.Reject{Unit: uni.ID}, err: domain.ErrInvalid},
		"refusing what nobody asked":          {when: binding.Reject{Unit: uni.ID, Opinion: "x"}, err: binding.ErrNotPending},
		"a request is withdrawn":              {given: events{asked}, when: binding.Unbind{}, then: events{binding.Withdrawn{Unit: uni}}},
		"a bound person leaves":               {given: events{asked, agreed}, when: binding.Unbind{}, then: events{binding.Unbound{Unit: uni}}},
		"not while a declaration is reviewed": {given: events{asked, agreed}, when: binding.Unbind{UnderReview: true}, err: binding.ErrUnderReview},
		"leaving without a unit":              {when: binding.Unbind{}, err: binding.ErrNotBound},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := binding.Decide(fold(ex.given), ex.when)
			if !errors.Is(err, ex.err) || (err == nil) != (ex.err == nil) {
				t.Fatalf("error %v, want %v", err, ex.err)
			}
			if diff := cmp.Diff(ex.then, got); diff != "" {
				t.Fatalf("events (-want +got):\n%s", diff)
			}
		})
	}
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
			c := rapid.SampledFrom([]binding.Command{
				binding.Bind{USCC: u.ID, Unit: u}, binding.Approve{Unit: u.ID}, binding.Reject{Unit: u.ID, Opinion: "不"},
				binding.Unbind{}, binding.Unbind{UnderReview: true},
			}).Draw(t, "command")
			es, err := binding.Decide(s, c)
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
