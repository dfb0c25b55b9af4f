package quota_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/quota"
)

type events = []quota.Event

var (
	notice     = uuid.MustParse("00000000-0000-4000-8000-00000000000a")
	unit       = domain.Organization{ID: "12220000127701509T", Name: "示范大学"}
	d1, d2, d3 = domain.DerivedID("1"), domain.DerivedID("2"), domain.DerivedID("3")
)

func claimed(d uuid.UUID, revision uint64) quota.PlaceClaimed {
	return quota.PlaceClaimed{Notice: notice, Unit: unit, Declaration: d, Revision: revision}
}

func fold(es events) (s quota.State) {
	for _, e := range es {
		s = quota.Evolve(s, e)
	}
	return s
}

func TestDecide(t *testing.T) {
	type standings = map[uuid.UUID]quota.Standing
	claim := func(d uuid.UUID, revision uint64, standing standings, passedOn ...uuid.UUID) quota.Claim {
		return quota.Claim{Notice: notice, Unit: unit, Declaration: d, Revision: revision, Places: 1, PassedOn: passedOn, Standing: standing}
	}
	for name, ex := range map[string]struct {
		given events
		when  quota.Command
		then  events
		err   error
	}{
		"the first one takes the place":                  {when: claim(d1, 5, nil), then: events{claimed(d1, 5)}},
		"the same again changes nothing":                 {given: events{claimed(d1, 5)}, when: claim(d1, 5, standings{d1: {Revision: 5}})},
		"nor does one that came too late":                {given: events{claimed(d1, 8)}, when: claim(d1, 5, standings{d1: {Revision: 8}})},
		"a claim whose approval may yet come":            {given: events{claimed(d1, 5)}, when: claim(d2, 3, standings{d1: {Revision: 5}}), err: quota.ErrExhausted},
		"one whose declaration was read before it":       {given: events{claimed(d1, 5)}, when: claim(d2, 3, standings{d1: {Revision: 4}}), err: quota.ErrExhausted},
		"one that nobody looked up":                      {given: events{claimed(d1, 5)}, when: claim(d2, 3, nil), err: quota.ErrExhausted},
		"one that came true":                             {given: events{claimed(d1, 5)}, when: claim(d2, 3, standings{d1: {Revision: 6, PassedOn: true}}), err: quota.ErrExhausted},
		"one that came true by the index":                {given: events{claimed(d1, 5)}, when: claim(d2, 3, nil, d1), err: quota.ErrExhausted},
		"a void one leaves its place":                    {given: events{claimed(d1, 5)}, when: claim(d2, 3, standings{d1: {Revision: 6}}), then: events{claimed(d2, 3)}},
		"passed on before there were claims":             {when: claim(d2, 3, nil, d1), err: quota.ErrExhausted},
		"an older claim does not hide a newer one":       {given: events{claimed(d1, 8), claimed(d1, 5)}, when: claim(d2, 3, standings{d1: {Revision: 8}}), err: quota.ErrExhausted},
		"the declaration's own void claim takes no room": {given: events{claimed(d1, 5)}, when: claim(d1, 9, standings{d1: {Revision: 9}}), then: events{claimed(d1, 9)}},
		"nor does its own old place":                     {given: events{claimed(d1, 5)}, when: claim(d1, 9, nil, d1), then: events{claimed(d1, 9)}},
		"a unit without places": {when: func() quota.Claim {
			c := claim(d1, 5, nil)
			c.Places = 0
			return c
		}(), err: quota.ErrNone},
		"one place is counted once": {given: events{claimed(d1, 5)}, when: func() quota.Claim {
			c := claim(d3, 2, nil, d1)
			c.Places = 2
			return c
		}(), then: events{claimed(d3, 2)}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := quota.Decide(fold(ex.given), ex.when)
			if !errors.Is(err, ex.err) || (err == nil) != (ex.err == nil) {
				t.Fatalf("error %v, want %v", err, ex.err)
			}
			if diff := cmp.Diff(ex.then, got); diff != "" {
				t.Fatalf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEvolveLeavesTheStateBeforeItAlone(t *testing.T) {
	before := fold(events{claimed(d1, 5)})
	quota.Evolve(before, claimed(d2, 1))
	if len(before.Claims) != 1 {
		t.Fatalf("%v", before.Claims)
	}
}
