package organization_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zhiping/domain"
	"zhiping/domain/organization"
	"zhiping/domain/text"
)

func TestDecide(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	later := now.AddDate(1, 0, 0)
	past := now.Add(-time.Hour)
	bureau := organization.Created{ID: "hrss", Name: "省人社厅", Kind: organization.KindBureau}
	dept := organization.Created{ID: "edu", Name: "省教育厅", Kind: organization.KindDepartment, Parent: "hrss"}
	createDept := organization.Create{ID: "edu", Name: " 省教育厅 ", Kind: organization.KindDepartment, Parent: "hrss", ParentKind: organization.KindBureau}
	grant := organization.GrantOfficer{Account: "a1", Now: now}
	granted := organization.OfficerGranted{Organization: "edu", Account: "a1", Role: domain.Department}
	withEnd := granted
	withEnd.Expires = &later
	change := func(f func(*organization.Create)) organization.Create { c := createDept; f(&c); return c }
	type events = []organization.Event
	for name, ex := range map[string]struct {
		given events
		when  organization.Command
		then  events
		err   error
	}{
		"a bureau is a root":                        {when: organization.Create{ID: "hrss", Name: "省人社厅", Kind: organization.KindBureau}, then: events{bureau}},
		"a department lies below a bureau":          {when: createDept, then: events{dept}},
		"twice is refused":                          {given: events{dept}, when: createDept, err: organization.ErrExists},
		"below an unknown organization":             {when: change(func(c *organization.Create) { c.ParentKind = "" }), err: organization.ErrParentUnknown},
		"below a committee":                         {when: change(func(c *organization.Create) { c.ParentKind = organization.KindCommittee }), err: organization.ErrParentUnknown},
		"a unit needs a department":                 {when: organization.Create{ID: "12220000127701509T", Name: "大学", Kind: organization.KindUnit}, err: organization.ErrParentUnknown},
		"of an unknown kind":                        {when: change(func(c *organization.Create) { c.Kind = "club" }), err: domain.ErrInvalid},
		"without a name":                            {when: change(func(c *organization.Create) { c.Name = " " }), err: domain.ErrInvalid},
		"with a name of 101 characters":             {when: change(func(c *organization.Create) { c.Name = strings.Repeat("省", 101) }), err: domain.ErrInvalid},
		"with a control character in its name":      {when: change(func(c *organization.Create) { c.Name = "a\x00b" }), err: domain.ErrInvalid},
		"with an id that is a path":                 {when: change(func(c *organization.Create) { c.ID = "../x" }), err: domain.ErrInvalid},
		"without an id":                             {when: change(func(c *organization.Create) { c.ID = "" }), err: domain.ErrInvalid},
		"renaming":                                  {given: events{dept}, when: organization.Rename{Name: "教育厅"}, then: events{organization.Renamed{Name: "教育厅"}}},
		"renaming to the same name changes nothing": {given: events{dept}, when: organization.Rename{Name: "省教育厅 "}},
		"renaming to nothing":                       {given: events{dept}, when: organization.Rename{}, err: domain.ErrInvalid},
		"an officer gets the role of the kind":      {given: events{dept}, when: grant, then: events{granted}},
		"granting again changes nothing":            {given: events{dept, granted}, when: grant},
		"a grant may end":                           {given: events{dept, granted}, when: organization.GrantOfficer{Account: "a1", Expires: &later, Now: now}, then: events{withEnd}},
		"the same end changes nothing":              {given: events{dept, withEnd}, when: organization.GrantOfficer{Account: "a1", Expires: &later, Now: now}},
		"an end in the past":                        {given: events{dept}, when: organization.GrantOfficer{Account: "a1", Expires: &past, Now: now}, err: domain.ErrInvalid},
		"to nobody":                                 {given: events{dept}, when: organization.GrantOfficer{Now: now}, err: domain.ErrInvalid},
		"to an officer of another organization":     {given: events{dept}, when: organization.GrantOfficer{Account: "a1", Now: now, Elsewhere: "health"}, err: organization.ErrElsewhere},
		"to who appoints":                           {given: events{dept}, when: organization.GrantOfficer{Account: "a1", Now: now, By: "a1"}, err: organization.ErrOwnOffice},
		"to an officer of this one":                 {given: events{dept}, when: organization.GrantOfficer{Account: "a1", Now: now, Elsewhere: "edu"}, then: events{granted}},
		"revoking": {given: events{dept, granted}, when: organization.RevokeGrant{Account: "a1"},
			then: events{organization.GrantRevoked{Organization: "edu", Account: "a1", Role: domain.Department}}},
		"revoking from nobody changes nothing": {given: events{dept, granted}, when: organization.RevokeGrant{Account: "a2"}},
		"renaming what nobody created":         {when: organization.Rename{Name: "x"}, err: organization.ErrNotFound},
		"granting in what nobody created":      {when: grant, err: organization.ErrNotFound},
		"revoking in what nobody created":      {when: organization.RevokeGrant{Account: "a1"}, err: organization.ErrNotFound},
		"a unit's id is its credit code":       {when: organization.Create{ID: "12220000127701509T", Name: "大学", Kind: organization.KindUnit, Parent: "edu", ParentKind: organization.KindDepartment}, then: events{organization.Created{ID: "12220000127701509T", Name: "大学", Kind: organization.KindUnit, Parent: "edu"}}},
		"and no other":                         {when: organization.Create{ID: "u", Name: "大学", Kind: organization.KindUnit, Parent: "edu", ParentKind: organization.KindDepartment}, err: domain.ErrInvalid},
		"an office that audits": {given: events{organization.Created{ID: "a", Name: "审计处", Kind: organization.KindAudit}}, when: grant,
			then: events{organization.OfficerGranted{Organization: "a", Account: "a1", Role: domain.Auditor}}},
		"it lies below nobody":                   {when: change(func(c *organization.Create) { c.Kind = organization.KindAudit }), err: organization.ErrParentUnknown},
		"closing":                                {given: events{dept, granted}, when: organization.Close{}, then: events{organization.Closed{}}},
		"closing again changes nothing":          {given: events{dept, organization.Closed{}}, when: organization.Close{Below: true}},
		"closing with others below":              {given: events{dept}, when: organization.Close{Below: true}, err: organization.ErrNotEmpty},
		"closing while work waits":               {given: events{dept}, when: organization.Close{Waiting: true}, err: organization.ErrWorkWaiting},
		"closing what nobody created":            {when: organization.Close{}, err: organization.ErrNotFound},
		"granting in a closed one":               {given: events{dept, organization.Closed{}}, when: grant, err: organization.ErrClosed},
		"revoking in a closed one":               {given: events{dept, granted, organization.Closed{}}, when: organization.RevokeGrant{Account: "a1"}, err: organization.ErrClosed},
		"renaming a closed one":                  {given: events{dept, organization.Closed{}}, when: organization.Rename{Name: "x"}, err: organization.ErrClosed},
		"reopening":                              {given: events{dept, organization.Closed{}}, when: organization.Reopen{ParentKind: organization.KindBureau}, then: events{organization.Reopened{}}},
		"reopening below a closed one":           {given: events{dept, organization.Closed{}}, when: organization.Reopen{}, err: organization.ErrParentUnknown},
		"reopening an open one changes nothing":  {given: events{dept}, when: organization.Reopen{}},
		"a closure ends every grant":             {given: events{dept, granted, organization.Closed{}, organization.Reopened{}}, when: grant, then: events{granted}},
		"granting after a revocation is granted": {given: events{dept, granted, organization.GrantRevoked{Account: "a1"}}, when: grant, then: events{granted}},
	} {
		t.Run(name, func(t *testing.T) {
			var s organization.State
			for _, e := range ex.given {
				s = organization.Evolve(s, e)
			}
			got, err := organization.Decide(s, ex.when)
			if !errors.Is(err, ex.err) || (err == nil) != (ex.err == nil) {
				t.Fatalf("error %v, want %v", err, ex.err)
			}
			if diff := cmp.Diff(ex.then, got); diff != "" {
				t.Fatalf("events (-want +got):\n%s", diff)
			}
			var e *domain.Error
			if errors.As(err, &e) {
				if !text.Has("error." + e.Code) {
					t.Errorf("error.%s has no sentence", e.Code)
				}
				for _, f := range e.Faults {
					if !text.Has("fault." + f.Code) {
						t.Errorf("fault.%s has no sentence", f.Code)
					}
				}
			}
		})
	}
}

func TestEvolveLeavesTheOldStateAlone(t *testing.T) {
	one := organization.OfficerGranted{Account: "a1", Role: domain.Unit}
	s := organization.Evolve(organization.State{ID: "u"}, one)
	end := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	organization.Evolve(s, organization.OfficerGranted{Account: "a1", Role: domain.Unit, Expires: &end})
	organization.Evolve(s, organization.GrantRevoked{Account: "a1"})
	if diff := cmp.Diff([]organization.Officer{{Account: "a1", Role: domain.Unit}}, s.Officers); diff != "" {
		t.Fatal(diff)
	}
	if o := (organization.Officer{Expires: end}); !o.Active(end.Add(-1)) || o.Active(end) || !s.Officers[0].Active(end) {
		t.Fatal("a grant holds until its end")
	}
}
