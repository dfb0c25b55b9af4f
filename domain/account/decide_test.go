package account_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/domain/text"
)

const issuer = "https://id.example"

func TestDecide(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	later, latest, past := now.AddDate(1, 0, 0), now.AddDate(2, 0, 0), now.Add(-time.Hour)
	edu := domain.Organization{ID: "edu", Name: "省教育厅"}
	known := account.Facts{Now: now, Account: "a1", Origin: account.ByAdmin, Known: true, OtherAdmin: true}
	with := func(change func(*account.Facts)) account.Facts { f := known; change(&f); return f }
	self := with(func(f *account.Facts) { f.Self = true })
	alone := with(func(f *account.Facts) { f.OtherAdmin = false })
	operator := with(func(f *account.Facts) { f.Origin, f.OtherAdmin, f.Self = account.ByOperator, false, true })
	disabled := with(func(f *account.Facts) { f.Disabled = true })
	provider := account.Facts{Now: now, Account: "a1", Origin: account.ByProvider}
	before := account.Facts{Now: now, Account: "a1", Origin: account.Before}
	unheard := with(func(f *account.Facts) { f.Recorded = []account.Held{{Role: domain.Admin}} })

	granted := func(r domain.Role, end *time.Time) account.RoleGranted {
		return account.RoleGranted{Account: "a1", Role: r, Expires: end, Origin: account.ByAdmin}
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
	claim := func(f account.Facts, roles ...account.Claimed) account.Claim {
		return account.Claim{Issuer: issuer, Roles: roles, Facts: f}
	}
	admin, auditor := granted(domain.Admin, nil), granted(domain.Auditor, nil)
	byMachine := revoked(domain.Admin)
	byMachine.Origin = account.ByOperator
	recorded := granted(domain.Admin, nil)
	recorded.Origin = account.Before
	type events = []account.Event
	for name, ex := range map[string]struct {
		given events
		when  account.Command
		then  events
		err   error
	}{
		"a role":                             {when: account.Grant{Role: domain.Auditor, Facts: known}, then: events{auditor}},
		"a second one beside it":             {given: events{auditor}, when: account.Grant{Role: domain.Admin, Facts: known}, then: events{admin}},
		"the same again changes nothing":     {given: events{auditor}, when: account.Grant{Role: domain.Auditor, Facts: known}},
		"a role may end":                     {given: events{auditor}, when: account.Grant{Role: domain.Auditor, Expires: &later, Facts: known}, then: events{granted(domain.Auditor, &later)}},
		"the same end changes nothing":       {given: events{granted(domain.Auditor, &later)}, when: account.Grant{Role: domain.Auditor, Expires: &later, Facts: known}},
		"an end that is now":                 {when: account.Grant{Role: domain.Auditor, Expires: &now, Facts: known}, err: domain.ErrInvalid},
		"an end in the past":                 {when: account.Grant{Role: domain.Auditor, Expires: &past, Facts: known}, err: domain.ErrInvalid},
		"an officer's role":                  {when: account.Grant{Role: domain.Bureau, Facts: known}, err: domain.ErrInvalid},
		"what registration gives":            {when: account.Grant{Role: domain.Applicant, Facts: known}, err: domain.ErrInvalid},
		"the operator's own role":            {when: account.Grant{Role: domain.Operator, Facts: known}, err: domain.ErrInvalid},
		"to nobody":                          {when: account.Grant{Role: domain.Auditor, Facts: with(func(f *account.Facts) { f.Known = false })}, err: account.ErrNotFound},
		"to a disabled account":              {when: account.Grant{Role: domain.Auditor, Facts: disabled}, err: account.ErrDisabled},
		"after a revocation":                 {given: events{auditor, revoked(domain.Auditor)}, when: account.Grant{Role: domain.Auditor, Facts: known}, then: events{auditor}},
		"beside the same by claims":          {given: events{claimed(domain.Auditor, domain.Organization{})}, when: account.Grant{Role: domain.Auditor, Facts: known}, then: events{auditor}},
		"what no event tells of is told now": {when: account.Grant{Role: domain.Admin, Facts: unheard}, then: events{admin}},

		"revoking":                           {given: events{auditor}, when: account.Revoke{Role: domain.Auditor, Facts: known}, then: events{revoked(domain.Auditor)}},
		"revoking from a disabled account":   {given: events{auditor}, when: account.Revoke{Role: domain.Auditor, Facts: disabled}, then: events{revoked(domain.Auditor)}},
		"revoking twice changes nothing":     {given: events{auditor, revoked(domain.Auditor)}, when: account.Revoke{Role: domain.Auditor, Facts: known}},
		"revoking what was never granted":    {when: account.Revoke{Role: domain.Auditor, Facts: known}},
		"revoking what no event tells of":    {when: account.Revoke{Role: domain.Admin, Facts: unheard}, then: events{revoked(domain.Admin)}},
		"but not what one took away":         {given: events{admin, revoked(domain.Admin)}, when: account.Revoke{Role: domain.Admin, Facts: unheard}},
		"revoking an officer's role":         {when: account.Revoke{Role: domain.Unit, Facts: known}, err: domain.ErrInvalid},
		"revoking from nobody":               {given: events{auditor}, when: account.Revoke{Role: domain.Auditor}, err: account.ErrNotFound},
		"revoking what claims give":          {given: events{claimed(domain.Auditor, domain.Organization{})}, when: account.Revoke{Role: domain.Auditor, Facts: known}, err: account.ErrByProvider},
		"revoking another admin":             {given: events{admin}, when: account.Revoke{Role: domain.Admin, Facts: known}, then: events{revoked(domain.Admin)}},
		"one's own admin role":               {given: events{admin}, when: account.Revoke{Role: domain.Admin, Facts: self}, err: account.ErrOwnAdmin},
		"another role of one's own":          {given: events{auditor}, when: account.Revoke{Role: domain.Auditor, Facts: self}, then: events{revoked(domain.Auditor)}},
		"the last admin":                     {given: events{admin}, when: account.Revoke{Role: domain.Admin, Facts: alone}, err: account.ErrLastAdmin},
		"the last admin, of whom none tells": {when: account.Revoke{Role: domain.Admin, Facts: with(func(f *account.Facts) { f.Recorded, f.OtherAdmin = unheard.Recorded, false })}, err: account.ErrLastAdmin},
		"an admin for a time is never last":  {given: events{granted(domain.Admin, &later)}, when: account.Revoke{Role: domain.Admin, Facts: alone}, then: events{revoked(domain.Admin)}},
		"an admin no more":                   {given: events{granted(domain.Admin, &past)}, when: account.Revoke{Role: domain.Admin, Facts: self}, then: events{revoked(domain.Admin)}},
		"an end for one's own admin role":    {given: events{admin}, when: account.Grant{Role: domain.Admin, Expires: &later, Facts: self}, err: account.ErrOwnAdmin},
		"an earlier end for it":              {given: events{granted(domain.Admin, &latest)}, when: account.Grant{Role: domain.Admin, Expires: &later, Facts: self}, err: account.ErrOwnAdmin},
		"a later one":                        {given: events{granted(domain.Admin, &later)}, when: account.Grant{Role: domain.Admin, Expires: &latest, Facts: self}, then: events{granted(domain.Admin, &latest)}},
		"an end for the last admin":          {given: events{admin}, when: account.Grant{Role: domain.Admin, Expires: &later, Facts: alone}, err: account.ErrLastAdmin},
		"the operator may take the last":     {given: events{admin}, when: account.Revoke{Role: domain.Admin, Facts: operator}, then: events{byMachine}},

		"all of them": {given: events{auditor, claimed(domain.Bureau, edu)}, when: account.RevokeAll{Facts: unheard},
			then: events{revoked(domain.Auditor), account.RoleRevoked{Account: "a1", Role: domain.Bureau, Organization: edu, Origin: account.ByAdmin, Issuer: issuer}, revoked(domain.Admin)}},
		"all of none": {when: account.RevokeAll{Facts: known}},

		"claims give":                     {when: claim(provider, account.Claimed{Role: domain.Applicant}, account.Claimed{Role: domain.Bureau, Organization: edu}), then: events{claimed(domain.Applicant, domain.Organization{}), claimed(domain.Bureau, edu)}},
		"the same claim twice":            {when: claim(provider, account.Claimed{Role: domain.Applicant}, account.Claimed{Role: domain.Applicant}), then: events{claimed(domain.Applicant, domain.Organization{})}},
		"the same claims change nothing":  {given: events{claimed(domain.Bureau, edu)}, when: claim(provider, account.Claimed{Role: domain.Bureau, Organization: domain.Organization{ID: "edu", Name: "教育厅"}})},
		"claims take and give":            {given: events{claimed(domain.Bureau, edu)}, when: claim(provider, account.Claimed{Role: domain.Auditor}), then: events{unclaimed(domain.Bureau, edu), claimed(domain.Auditor, domain.Organization{})}},
		"for another organization":        {given: events{claimed(domain.Bureau, edu)}, when: claim(provider, account.Claimed{Role: domain.Bureau, Organization: domain.Organization{ID: "b2"}}), then: events{unclaimed(domain.Bureau, edu), claimed(domain.Bureau, domain.Organization{ID: "b2"})}},
		"claims take what none tells of":  {when: claim(account.Facts{Account: "a1", Origin: account.ByProvider, Recorded: []account.Held{{Role: domain.Admin, Issuer: issuer}}}), then: events{unclaimed(domain.Admin, domain.Organization{})}},
		"and leave what was granted here": {given: events{auditor}, when: claim(provider)},

		"what was held before":         {when: account.Record{Role: domain.Admin, Facts: before}, then: events{recorded}},
		"of which an event tells":      {given: events{admin}, when: account.Record{Role: domain.Admin, Expires: &later, Facts: before}},
		"or of its end":                {given: events{admin, revoked(domain.Admin)}, when: account.Record{Role: domain.Admin, Facts: before}},
		"or of its end without a word": {given: events{revoked(domain.Admin)}, when: account.Record{Role: domain.Admin, Facts: before}},
	} {
		t.Run(name, func(t *testing.T) {
			var s account.State
			for _, e := range ex.given {
				s = account.Evolve(s, e)
			}
			got, err := account.Decide(s, ex.when)
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
		"a command": func() { _, _ = account.Decide(account.State{}, nil) },
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
