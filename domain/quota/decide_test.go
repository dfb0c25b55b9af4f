package quota_test

import (
	"testing"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/domaintest"
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
	claim := func(d uuid.UUID, revision uint64) quota.Claim {
		return quota.Claim{Notice: notice, Unit: unit, Declaration: d, Revision: revision}
	}
	one := func(standing standings, passedOn ...uuid.UUID) quota.Facts {
		return quota.Facts{Places: 1, PassedOn: passedOn, Standing: standing}
	}
	domaintest.Run(t, quota.Decide, quota.Evolve, map[string]domaintest.Example[quota.Facts, quota.Command, quota.Event]{
		"the first one takes the place":                  {Facts: one(nil), When: claim(d1, 5), Then: events{claimed(d1, 5)}},
		"the same again changes nothing":                 {Given: events{claimed(d1, 5)}, Facts: one(standings{d1: {Revision: 5}}), When: claim(d1, 5)},
		"nor does one that came too late":                {Given: events{claimed(d1, 8)}, Facts: one(standings{d1: {Revision: 8}}), When: claim(d1, 5)},
		"a claim whose approval may yet come":            {Given: events{claimed(d1, 5)}, Facts: one(standings{d1: {Revision: 5}}), When: claim(d2, 3), Err: quota.ErrExhausted},
		"one whose declaration was read before it":       {Given: events{claimed(d1, 5)}, Facts: one(standings{d1: {Revision: 4}}), When: claim(d2, 3), Err: quota.ErrExhausted},
		"one that nobody looked up":                      {Given: events{claimed(d1, 5)}, Facts: one(nil), When: claim(d2, 3), Err: quota.ErrExhausted},
		"one that came true":                             {Given: events{claimed(d1, 5)}, Facts: one(standings{d1: {Revision: 6, PassedOn: true}}), When: claim(d2, 3), Err: quota.ErrExhausted},
		"one that came true by the index":                {Given: events{claimed(d1, 5)}, Facts: one(nil, d1), When: claim(d2, 3), Err: quota.ErrExhausted},
		"a void one leaves its place":                    {Given: events{claimed(d1, 5)}, Facts: one(standings{d1: {Revision: 6}}), When: claim(d2, 3), Then: events{claimed(d2, 3)}},
		"passed on before there were claims":             {Facts: one(nil, d1), When: claim(d2, 3), Err: quota.ErrExhausted},
		"an older claim does not hide a newer one":       {Given: events{claimed(d1, 8), claimed(d1, 5)}, Facts: one(standings{d1: {Revision: 8}}), When: claim(d2, 3), Err: quota.ErrExhausted},
		"the declaration's own void claim takes no room": {Given: events{claimed(d1, 5)}, Facts: one(standings{d1: {Revision: 9}}), When: claim(d1, 9), Then: events{claimed(d1, 9)}},
		"nor does its own old place":                     {Given: events{claimed(d1, 5)}, Facts: one(nil, d1), When: claim(d1, 9), Then: events{claimed(d1, 9)}},
		"a unit without places":                          {When: claim(d1, 5), Err: quota.ErrNone},
		"one place is counted once":                      {Given: events{claimed(d1, 5)}, Facts: quota.Facts{Places: 2, PassedOn: []uuid.UUID{d1}}, When: claim(d3, 2), Then: events{claimed(d3, 2)}},
	})
}

func TestEvolveLeavesTheStateBeforeItAlone(t *testing.T) {
	before := fold(events{claimed(d1, 5)})
	quota.Evolve(before, claimed(d2, 1))
	if len(before.Claims) != 1 {
		t.Fatalf("%v", before.Claims)
	}
}
