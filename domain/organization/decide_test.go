package organization_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/domain/domaintest"
	"zhiping/domain/organization"
)

func TestDecide(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	later := now.AddDate(1, 0, 0)
	past := now.Add(-time.Hour)
	bureau := organization.Created{ID: "hrss", Name: "省人社厅", Kind: organization.KindBureau}
	dept := organization.Created{ID: "edu", Name: "省教育厅", Kind: organization.KindDepartment, Parent: "hrss"}
	createDept := organization.Create{Name: " 省教育厅 ", Kind: organization.KindDepartment, Parent: "hrss"}
	below := organization.Facts{ID: "edu", ParentKind: organization.KindBureau}
	named := func(id string) organization.Facts {
		return organization.Facts{ID: id, ParentKind: organization.KindBureau}
	}
	at := organization.Facts{Now: now}
	grant := organization.GrantOfficer{Account: "a1"}
	granted := organization.OfficerGranted{Organization: "edu", Account: "a1", Role: domain.Department}
	withEnd := granted
	withEnd.Expires = &later
	change := func(f func(*organization.Create)) organization.Create { c := createDept; f(&c); return c }
	type events = []organization.Event
	domaintest.Run(t, organization.Decide, organization.Evolve, map[string]domaintest.Example[organization.Facts, organization.Command, organization.Event]{
		"a bureau is a root":                        {Facts: organization.Facts{ID: "hrss"}, When: organization.Create{Name: "省人社厅", Kind: organization.KindBureau}, Then: events{bureau}},
		"a department lies below a bureau":          {Facts: below, When: createDept, Then: events{dept}},
		"twice is refused":                          {Given: events{dept}, Facts: below, When: createDept, Err: organization.ErrExists},
		"below an unknown organization":             {Facts: organization.Facts{ID: "edu"}, When: createDept, Err: organization.ErrParentUnknown},
		"below a committee":                         {Facts: organization.Facts{ID: "edu", ParentKind: organization.KindCommittee}, When: createDept, Err: organization.ErrParentUnknown},
		"a unit needs a department":                 {Facts: organization.Facts{ID: "12220000127701509T"}, When: organization.Create{Name: "大学", Kind: organization.KindUnit}, Err: organization.ErrParentUnknown},
		"of an unknown kind":                        {Facts: below, When: change(func(c *organization.Create) { c.Kind = "club" }), Err: domain.ErrInvalid},
		"without a name":                            {Facts: below, When: change(func(c *organization.Create) { c.Name = " " }), Err: domain.ErrInvalid},
		"with a name of 101 characters":             {Facts: below, When: change(func(c *organization.Create) { c.Name = strings.Repeat("省", 101) }), Err: domain.ErrInvalid},
		"with a control character in its name":      {Facts: below, When: change(func(c *organization.Create) { c.Name = "a\x00b" }), Err: domain.ErrInvalid},
		"with an id that is a path":                 {Facts: named("../x"), When: createDept, Err: domain.ErrInvalid},
		"without an id":                             {Facts: named(""), When: createDept, Err: domain.ErrInvalid},
		"renaming":                                  {Given: events{dept}, When: organization.Rename{Name: "教育厅"}, Then: events{organization.Renamed{Name: "教育厅"}}},
		"renaming to the same name changes nothing": {Given: events{dept}, When: organization.Rename{Name: "省教育厅 "}},
		"renaming to nothing":                       {Given: events{dept}, When: organization.Rename{}, Err: domain.ErrInvalid},
		"an officer gets the role of the kind":      {Given: events{dept}, Facts: at, When: grant, Then: events{granted}},
		"granting again changes nothing":            {Given: events{dept, granted}, Facts: at, When: grant},
		"a grant may end":                           {Given: events{dept, granted}, Facts: organization.Facts{Now: now}, When: organization.GrantOfficer{Account: "a1", Expires: &later}, Then: events{withEnd}},
		"the same end changes nothing":              {Given: events{dept, withEnd}, Facts: organization.Facts{Now: now}, When: organization.GrantOfficer{Account: "a1", Expires: &later}},
		"an end in the past":                        {Given: events{dept}, Facts: organization.Facts{Now: now}, When: organization.GrantOfficer{Account: "a1", Expires: &past}, Err: domain.ErrInvalid},
		"to nobody":                                 {Given: events{dept}, Facts: organization.Facts{Now: now}, When: organization.GrantOfficer{}, Err: domain.ErrInvalid},
		"to an officer of another organization":     {Given: events{dept}, Facts: organization.Facts{Now: now, Elsewhere: "health"}, When: organization.GrantOfficer{Account: "a1"}, Err: account.ErrElsewhere},
		"to who appoints":                           {Given: events{dept}, Facts: organization.Facts{Now: now, By: "a1"}, When: organization.GrantOfficer{Account: "a1"}, Err: organization.ErrOwnOffice},
		"to who appointed the admin":                {Given: events{dept}, Facts: organization.Facts{Now: now, Appointed: true}, When: organization.GrantOfficer{Account: "a1"}, Err: domain.ErrAppointer},
		"to an officer of this one":                 {Given: events{dept}, Facts: organization.Facts{Now: now, Elsewhere: "edu"}, When: organization.GrantOfficer{Account: "a1"}, Then: events{granted}},
		"revoking": {Given: events{dept, granted}, When: organization.RevokeGrant{Account: "a1"},
			Then: events{organization.GrantRevoked{Organization: "edu", Account: "a1", Role: domain.Department}}},
		"revoking from nobody changes nothing": {Given: events{dept, granted}, When: organization.RevokeGrant{Account: "a2"}},
		"renaming what nobody created":         {When: organization.Rename{Name: "x"}, Err: organization.ErrNotFound},
		"granting in what nobody created":      {Facts: at, When: grant, Err: organization.ErrNotFound},
		"revoking in what nobody created":      {When: organization.RevokeGrant{Account: "a1"}, Err: organization.ErrNotFound},
		"a unit's id is its credit code":       {Facts: organization.Facts{ParentKind: organization.KindDepartment, ID: "12220000127701509T"}, When: organization.Create{Name: "大学", Kind: organization.KindUnit, Parent: "edu"}, Then: events{organization.Created{ID: "12220000127701509T", Name: "大学", Kind: organization.KindUnit, Parent: "edu"}}},
		"and no other":                         {Facts: organization.Facts{ParentKind: organization.KindDepartment, ID: "u"}, When: organization.Create{Name: "大学", Kind: organization.KindUnit, Parent: "edu"}, Err: domain.ErrInvalid},
		"an office that audits": {Given: events{organization.Created{ID: "a", Name: "审计处", Kind: organization.KindAudit}}, Facts: at, When: grant,
			Then: events{organization.OfficerGranted{Organization: "a", Account: "a1", Role: domain.Auditor}}},
		"it lies below nobody":                   {Facts: below, When: change(func(c *organization.Create) { c.Kind = organization.KindAudit }), Err: organization.ErrParentUnknown},
		"closing":                                {Given: events{dept, granted}, When: organization.Close{}, Then: events{organization.Closed{}}},
		"closing again changes nothing":          {Given: events{dept, organization.Closed{}}, Facts: organization.Facts{Below: true}, When: organization.Close{}},
		"closing with others below":              {Given: events{dept}, Facts: organization.Facts{Below: true}, When: organization.Close{}, Err: organization.ErrNotEmpty},
		"closing while work waits":               {Given: events{dept}, Facts: organization.Facts{Waiting: true}, When: organization.Close{}, Err: organization.ErrWorkWaiting},
		"closing what nobody created":            {When: organization.Close{}, Err: organization.ErrNotFound},
		"granting in a closed one":               {Given: events{dept, organization.Closed{}}, Facts: at, When: grant, Err: organization.ErrClosed},
		"revoking in a closed one":               {Given: events{dept, granted, organization.Closed{}}, When: organization.RevokeGrant{Account: "a1"}, Err: organization.ErrClosed},
		"renaming a closed one":                  {Given: events{dept, organization.Closed{}}, When: organization.Rename{Name: "x"}, Err: organization.ErrClosed},
		"reopening":                              {Given: events{dept, organization.Closed{}}, Facts: organization.Facts{ParentKind: organization.KindBureau}, When: organization.Reopen{}, Then: events{organization.Reopened{}}},
		"reopening below a closed one":           {Given: events{dept, organization.Closed{}}, When: organization.Reopen{}, Err: organization.ErrParentUnknown},
		"reopening an open one changes nothing":  {Given: events{dept}, When: organization.Reopen{}},
		"a closure ends every grant":             {Given: events{dept, granted, organization.Closed{}, organization.Reopened{}}, Facts: at, When: grant, Then: events{granted}},
		"granting after a revocation is granted": {Given: events{dept, granted, organization.GrantRevoked{Account: "a1"}}, Facts: at, When: grant, Then: events{granted}},
	})
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
