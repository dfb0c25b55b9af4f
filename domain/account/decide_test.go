package account_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/domain/domaintest"
)

const issuer = "https://id.example"

func TestDecide(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	later, latest, past := now.AddDate(1, 0, 0), now.AddDate(2, 0, 0), now.Add(-time.Hour)
	edu := domain.Organization{ID: "edu", Name: "省教育厅"}
	known := account.Facts{Now: now, Account: "a1", By: "root", Origin: account.ByAdmin, Known: true, OtherAdmin: true}
	with := func(change func(*account.Facts)) account.Facts { f := known; change(&f); return f }
	self := with(func(f *account.Facts) { f.Self = true })
	alone := with(func(f *account.Facts) { f.OtherAdmin = false })
	operator := with(func(f *account.Facts) { f.Origin, f.OtherAdmin, f.Self = account.ByOperator, false, true })
	disabled := with(func(f *account.Facts) { f.Disabled = true })
	provider := account.Facts{Now: now, Account: "a1", Origin: account.ByProvider}
	before := account.Facts{Now: now, Account: "a1", Origin: account.Before}
	unheard := with(func(f *account.Facts) { f.Recorded = []account.Held{{Role: domain.Admin}} })

	granted := func(r domain.Role, end *time.Time) account.RoleGranted {
		return account.RoleGranted{Account: "a1", Role: r, Expires: end, Origin: account.ByAdmin, By: "root"}
	}
	revoked := func(r domain.Role) account.RoleRevoked {
		return account.RoleRevoked{Account: "a1", Role: r, Origin: account.ByAdmin}
	}
	claimed := func(r domain.Role, o domain.Organization) account.RoleGranted {
		return account.RoleGranted{Account: "a1", Role: r, Organization: o, Origin: account.ByProvider, Issuer: issuer}
	}
	unclaimed := func(r domain.Role, o domain.Organization) account.RoleRevoked {
		return account.RoleRevoked{Account: "a1", Role: r, Organization: o, Origin: account.ByProvider, Issuer: issuer}
	}
	claim := func(roles ...account.Claimed) account.Claim {
		return account.Claim{Issuer: issuer, Roles: roles}
	}
	admin, auditor := granted(domain.Admin, nil), granted(domain.Auditor, nil)
	claimEdu := account.ClaimOffice{Organization: "edu", Revision: 5, Role: domain.Department}
	office := func(o string, revision uint64) account.OfficeClaimed {
		return account.OfficeClaimed{Account: "a1", Organization: o, Revision: revision, Role: domain.Department, By: "root"}
	}
	byMachine := revoked(domain.Admin)
	byMachine.Origin = account.ByOperator
	recorded := granted(domain.Admin, nil)
	recorded.Origin, recorded.By = account.Before, ""
	type events = []account.Event
	domaintest.Run(t, account.Decide, account.Evolve, map[string]domaintest.Example[account.Facts, account.Command, account.Event]{
		"a role":                             {Facts: known, When: account.Grant{Role: domain.Auditor}, Then: events{auditor}},
		"a second one beside it":             {Given: events{auditor}, Facts: known, When: account.Grant{Role: domain.Admin}, Then: events{admin}},
		"the same again changes nothing":     {Given: events{auditor}, Facts: known, When: account.Grant{Role: domain.Auditor}},
		"a role may end":                     {Given: events{auditor}, Facts: known, When: account.Grant{Role: domain.Auditor, Expires: &later}, Then: events{granted(domain.Auditor, &later)}},
		"the same end changes nothing":       {Given: events{granted(domain.Auditor, &later)}, Facts: known, When: account.Grant{Role: domain.Auditor, Expires: &later}},
		"an end that is now":                 {Facts: known, When: account.Grant{Role: domain.Auditor, Expires: &now}, Err: domain.ErrInvalid},
		"an end in the past":                 {Facts: known, When: account.Grant{Role: domain.Auditor, Expires: &past}, Err: domain.ErrInvalid},
		"an officer's role":                  {Facts: known, When: account.Grant{Role: domain.Bureau}, Err: domain.ErrInvalid},
		"what registration gives":            {Facts: known, When: account.Grant{Role: domain.Applicant}, Err: domain.ErrInvalid},
		"the operator's own role":            {Facts: known, When: account.Grant{Role: domain.Operator}, Err: domain.ErrInvalid},
		"to nobody":                          {Facts: with(func(f *account.Facts) { f.Known = false }), When: account.Grant{Role: domain.Auditor}, Err: account.ErrNotFound},
		"to a disabled account":              {Facts: disabled, When: account.Grant{Role: domain.Auditor}, Err: account.ErrDisabled},
		"after a revocation":                 {Given: events{auditor, revoked(domain.Auditor)}, Facts: known, When: account.Grant{Role: domain.Auditor}, Then: events{auditor}},
		"beside the same by claims":          {Given: events{claimed(domain.Auditor, domain.Organization{})}, Facts: known, When: account.Grant{Role: domain.Auditor}, Then: events{auditor}},
		"what no event tells of is told now": {Facts: unheard, When: account.Grant{Role: domain.Admin}, Then: events{admin}},

		"revoking":                           {Given: events{auditor}, Facts: known, When: account.Revoke{Role: domain.Auditor}, Then: events{revoked(domain.Auditor)}},
		"revoking from a disabled account":   {Given: events{auditor}, Facts: disabled, When: account.Revoke{Role: domain.Auditor}, Then: events{revoked(domain.Auditor)}},
		"revoking twice changes nothing":     {Given: events{auditor, revoked(domain.Auditor)}, Facts: known, When: account.Revoke{Role: domain.Auditor}},
		"revoking what was never granted":    {Facts: known, When: account.Revoke{Role: domain.Auditor}},
		"revoking what no event tells of":    {Facts: unheard, When: account.Revoke{Role: domain.Admin}, Then: events{revoked(domain.Admin)}},
		"but not what one took away":         {Given: events{admin, revoked(domain.Admin)}, Facts: unheard, When: account.Revoke{Role: domain.Admin}},
		"revoking an officer's role":         {Facts: known, When: account.Revoke{Role: domain.Unit}, Err: domain.ErrInvalid},
		"revoking from nobody":               {Given: events{auditor}, When: account.Revoke{Role: domain.Auditor}, Err: account.ErrNotFound},
		"revoking what claims give":          {Given: events{claimed(domain.Auditor, domain.Organization{})}, Facts: known, When: account.Revoke{Role: domain.Auditor}, Err: account.ErrByProvider},
		"revoking another admin":             {Given: events{admin}, Facts: known, When: account.Revoke{Role: domain.Admin}, Then: events{revoked(domain.Admin)}},
		"one's own admin role":               {Given: events{admin}, Facts: self, When: account.Revoke{Role: domain.Admin}, Err: account.ErrOwnAdmin},
		"another role of one's own":          {Given: events{auditor}, Facts: self, When: account.Revoke{Role: domain.Auditor}, Then: events{revoked(domain.Auditor)}},
		"the last admin":                     {Given: events{admin}, Facts: alone, When: account.Revoke{Role: domain.Admin}, Err: account.ErrLastAdmin},
		"the last admin, of whom none tells": {Facts: with(func(f *account.Facts) { f.Recorded, f.OtherAdmin = unheard.Recorded, false }), When: account.Revoke{Role: domain.Admin}, Err: account.ErrLastAdmin},
		"an admin for a time is never last":  {Given: events{granted(domain.Admin, &later)}, Facts: alone, When: account.Revoke{Role: domain.Admin}, Then: events{revoked(domain.Admin)}},
		"an admin no more":                   {Given: events{granted(domain.Admin, &past)}, Facts: self, When: account.Revoke{Role: domain.Admin}, Then: events{revoked(domain.Admin)}},
		"an end for one's own admin role":    {Given: events{admin}, Facts: self, When: account.Grant{Role: domain.Admin, Expires: &later}, Err: account.ErrOwnAdmin},
		"an earlier end for it":              {Given: events{granted(domain.Admin, &latest)}, Facts: self, When: account.Grant{Role: domain.Admin, Expires: &later}, Err: account.ErrOwnAdmin},
		"a later one":                        {Given: events{granted(domain.Admin, &later)}, Facts: self, When: account.Grant{Role: domain.Admin, Expires: &latest}, Err: account.ErrOwnRole},
		"an end for the last admin":          {Given: events{admin}, Facts: alone, When: account.Grant{Role: domain.Admin, Expires: &later}, Err: account.ErrLastAdmin},
		"by another admin":                   {Given: events{granted(domain.Admin, &later)}, Facts: known, When: account.Grant{Role: domain.Admin, Expires: &latest}, Then: events{granted(domain.Admin, &latest)}},
		"a role for oneself":                 {Facts: self, When: account.Grant{Role: domain.Auditor}, Err: account.ErrOwnRole},
		"a role for an appointer":            {Facts: with(func(f *account.Facts) { f.Appointed = true }), When: account.Grant{Role: domain.Auditor}, Err: domain.ErrAppointer},
		"the operator may":                   {Facts: with(func(f *account.Facts) { f.Origin, f.Self, f.Appointed = account.ByOperator, true, true }), When: account.Grant{Role: domain.Auditor}, Then: events{account.RoleGranted{Account: "a1", Role: domain.Auditor, Origin: account.ByOperator}}},
		"an office":                          {Facts: known, When: claimEdu, Then: events{office("edu", 5)}},
		"the same grant again":               {Given: events{office("edu", 5)}, Facts: known, When: claimEdu},
		"a later grant of the same":          {Given: events{office("edu", 3)}, Facts: known, When: claimEdu, Then: events{office("edu", 5)}},
		"another office while one is held":   {Given: events{office("health", 3)}, Facts: with(func(f *account.Facts) { f.OfficeHeld = true }), When: claimEdu, Err: account.ErrElsewhere},
		"another one afterwards":             {Given: events{office("health", 3)}, Facts: known, When: claimEdu, Then: events{office("edu", 5)}},

		"the operator may take the last": {Given: events{admin}, Facts: operator, When: account.Revoke{Role: domain.Admin}, Then: events{byMachine}},

		"all of them": {Given: events{auditor, claimed(domain.Bureau, edu)}, Facts: unheard, When: account.RevokeAll{},
			Then: events{revoked(domain.Auditor), account.RoleRevoked{Account: "a1", Role: domain.Bureau, Organization: edu, Origin: account.ByAdmin, Issuer: issuer}, revoked(domain.Admin)}},
		"all of none": {Facts: known, When: account.RevokeAll{}},

		"claims give":                     {Facts: provider, When: claim(account.Claimed{Role: domain.Applicant}, account.Claimed{Role: domain.Bureau, Organization: edu}), Then: events{claimed(domain.Applicant, domain.Organization{}), claimed(domain.Bureau, edu)}},
		"the same claim twice":            {Facts: provider, When: claim(account.Claimed{Role: domain.Applicant}, account.Claimed{Role: domain.Applicant}), Then: events{claimed(domain.Applicant, domain.Organization{})}},
		"the same claims change nothing":  {Given: events{claimed(domain.Bureau, edu)}, Facts: provider, When: claim(account.Claimed{Role: domain.Bureau, Organization: domain.Organization{ID: "edu", Name: "教育厅"}})},
		"claims take and give":            {Given: events{claimed(domain.Bureau, edu)}, Facts: provider, When: claim(account.Claimed{Role: domain.Auditor}), Then: events{unclaimed(domain.Bureau, edu), claimed(domain.Auditor, domain.Organization{})}},
		"for another organization":        {Given: events{claimed(domain.Bureau, edu)}, Facts: provider, When: claim(account.Claimed{Role: domain.Bureau, Organization: domain.Organization{ID: "b2"}}), Then: events{unclaimed(domain.Bureau, edu), claimed(domain.Bureau, domain.Organization{ID: "b2"})}},
		"claims take what none tells of":  {Facts: account.Facts{Account: "a1", Origin: account.ByProvider, Recorded: []account.Held{{Role: domain.Admin, Issuer: issuer}}}, When: claim(), Then: events{unclaimed(domain.Admin, domain.Organization{})}},
		"and leave what was granted here": {Given: events{auditor}, Facts: provider, When: claim()},

		"what was held before":         {Facts: before, When: account.Record{Role: domain.Admin}, Then: events{recorded}},
		"of which an event tells":      {Given: events{admin}, Facts: before, When: account.Record{Role: domain.Admin, Expires: &later}},
		"or of its end":                {Given: events{admin, revoked(domain.Admin)}, Facts: before, When: account.Record{Role: domain.Admin}},
		"or of its end without a word": {Given: events{revoked(domain.Admin)}, Facts: before, When: account.Record{Role: domain.Admin}},
	})
}

func TestEvolveLeavesTheOldStateAlone(t *testing.T) {
	end := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := account.Evolve(account.State{}, account.RoleGranted{Role: domain.Admin})
	account.Evolve(s, account.RoleGranted{Role: domain.Admin, Expires: &end})
	account.Evolve(s, account.RoleRevoked{Role: domain.Admin})
	if diff := cmp.Diff([]account.Held{{Role: domain.Admin}}, s.Roles); diff != "" {
		t.Fatal(diff)
	}
	if h := (account.Held{Expires: end}); !h.Active(end.Add(-1)) || h.Active(end) || !s.Roles[0].Active(end) {
		t.Fatal("a role holds until its end")
	}
}

func TestWhatIsInNoCaseIsAFault(t *testing.T) {
	for name, run := range map[string]func(){
		"a command": func() { _, _ = account.Decide(account.State{}, account.Facts{}, nil) },
		"an event":  func() { account.Evolve(account.State{}, nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s of no type is taken", name)
				}
			}()
			run()
		}()
	}
}

func TestClaimsMatchWhatIsOnRecord(t *testing.T) {
	edu := domain.Organization{ID: "edu", Name: "省教育厅"}
	of := func(r domain.Role, o domain.Organization) account.Held {
		return account.Held{Role: r, Organization: domain.Organization{ID: o.ID}, Issuer: issuer}
	}
	c := account.Claim{Issuer: issuer, Roles: []account.Claimed{{Role: domain.Applicant}, {Role: domain.Bureau, Organization: edu}, {Role: domain.Applicant}}}
	both := []account.Held{of(domain.Bureau, edu), of(domain.Applicant, domain.Organization{})}
	for name, ex := range map[string]struct {
		recorded []account.Held
		want     bool
	}{
		"the same":                 {both, true},
		"and one that is our own":  {append([]account.Held{{Role: domain.Admin}}, both...), true},
		"one that is gone":         {append([]account.Held{of(domain.Admin, domain.Organization{})}, both...), false},
		"one that is new":          {both[:1], false},
		"for another organization": {[]account.Held{of(domain.Bureau, domain.Organization{ID: "b2"}), both[1]}, false},
		"nothing":                  {nil, false},
	} {
		if got := c.Matches(ex.recorded); got != ex.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
