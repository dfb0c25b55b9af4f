package identity

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/domain/organization"
	"zhiping/domain/unit"
)

func TestStandingIsWhatAGrantDependsOn(t *testing.T) {
	f := open(t)
	standing := func(id string) Standing {
		s, err := f.Standing(t.Context(), id)
		require.NoError(t, err)
		return s
	}
	require.Equal(t, Standing{}, standing("nobody"))
	first, second := f.person(t, "first"), f.person(t, "second")
	require.Equal(t, Standing{Known: true}, standing(first), "what registration gives is not in it")
	end := f.clock.now().Add(time.Hour)
	f.grant(t, Grant{Account: first, Role: domain.Admin, Expires: end})
	require.Equal(t, Standing{Known: true, Roles: []account.Held{{Role: domain.Admin, Expires: end}}}, standing(first))
	require.False(t, standing(second).OtherAdmin, "an admin for a time")
	f.grant(t, Grant{Account: first, Role: domain.Admin})
	require.True(t, standing(second).OtherAdmin)
	require.False(t, standing(first).OtherAdmin, "not somebody else")
	require.NoError(t, f.Disable(t.Context(), first, "operator"))
	require.False(t, standing(second).OtherAdmin)
	require.True(t, standing(first).Disabled)
	require.NoError(t, f.Enable(t.Context(), first, "operator"))
	require.True(t, standing(second).OtherAdmin)
	require.NoError(t, f.Erase(t.Context(), first, "operator"))
	require.Equal(t, Standing{}, standing(first))
	require.False(t, standing(second).OtherAdmin)

	// By an office, and by a provider.
	f.put(t, Organization{ID: "hq", Name: "系统管理处", Kind: "administration"})
	third := f.person(t, "third")
	f.grant(t, Grant{Account: third, Role: domain.Admin, Organization: "hq"})
	require.False(t, standing(second).OtherAdmin, "whom a closure ends")
	require.Empty(t, standing(third).Roles)
	e := External{Issuer: "https://issuer.example", Subject: "a b", Name: "王科长", Roles: []domain.Role{domain.Admin}}
	s, err := f.signIn(t, e)
	require.NoError(t, err)
	require.Equal(t, []account.Held{{Role: domain.Admin, Issuer: "https://issuer.example"}}, standing(s.User.ID).Roles)
	require.False(t, standing(second).OtherAdmin, "whom the next sign-in may end")

	fourth, err := f.signIn(t, External{Issuer: "https://issuer.example", Subject: "c", Name: "李科长"})
	require.NoError(t, err)
	f.grant(t, Grant{Account: fourth.User.ID, Role: domain.Admin})
	require.False(t, standing(second).OtherAdmin, "who cannot sign in with a password")
	f.cfg.External = true
	require.True(t, standing(second).OtherAdmin)
	fifth := f.person(t, "fifth")
	f.grant(t, Grant{Account: fifth, Role: domain.Admin})
	require.False(t, standing(fourth.User.ID).OtherAdmin, "who can only sign in with a password")
	f.cfg.External = false
	require.True(t, standing(second).OtherAdmin)

	f.grant(t, Grant{Account: second, Role: domain.Analyst})
	roles, err := f.GivenRoles(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string][]account.Held{second: {{Role: domain.Analyst}}, fourth.User.ID: {{Role: domain.Admin}}, fifth: {{Role: domain.Admin}}}, roles)
}

// Grants are nothing but their events: a database that is made anew from them has the same.
func TestGrantsAreTheSameWhenTheirEventsAreAppliedAnew(t *testing.T) {
	f := open(t)
	wang, li := f.person(t, "wang"), f.person(t, "li")
	e := External{Issuer: "https://issuer.example", Subject: "1", Name: "赵"}
	zhao := e.AccountID()
	end := f.clock.now().Add(time.Hour)
	edu := domain.Organization{ID: "edu", Name: "省教育厅"}
	events := []domain.Recorded{
		recorded(10, "organization-b", organization.Created{ID: "b", Name: "乙厅", Kind: organization.KindDepartment}),
		recorded(20, "organization-a", organization.Created{ID: "a", Name: "甲厅", Kind: organization.KindDepartment}),
		recorded(30, "account-"+wang, account.RoleGranted{Account: wang, Role: domain.Admin, Origin: account.ByOperator}),
		recorded(40, "account-"+wang, account.RoleGranted{Account: wang, Role: domain.Auditor, Expires: &end, Origin: account.ByAdmin}),
		recorded(50, "account-"+li, account.RoleGranted{Account: li, Role: domain.Analyst, Origin: account.Before}),
		recorded(60, "account-"+wang, account.RoleRevoked{Account: wang, Role: domain.Admin, Origin: account.ByAdmin}),
		recorded(70, "account-"+zhao, account.RoleGranted{Account: zhao, Role: domain.Bureau, Organization: edu, Origin: account.ByProvider, Issuer: e.Issuer}),
		recorded(80, "account-"+zhao, account.RoleGranted{Account: zhao, Role: domain.Applicant, Origin: account.ByProvider, Issuer: e.Issuer}),
		recorded(90, "account-"+zhao, account.RoleRevoked{Account: zhao, Role: domain.Applicant, Origin: account.ByProvider, Issuer: e.Issuer}),
		recorded(100, "organization-b", organization.OfficerGranted{Organization: "b", Account: li, Role: domain.Department}),
		recorded(110, "organization-a", organization.OfficerGranted{Organization: "a", Account: li, Role: domain.Department}),
	}
	for i := range events {
		events[i].Meta.At = f.clock.now().Add(time.Duration(i) * time.Second)
	}
	for _, one := range events { // as they come
		require.NoError(t, f.Apply(t.Context(), []domain.Recorded{one}))
		f.clock.pass(time.Minute)
	}
	again := open(t, func(c *Config) { c.Path = filepath.Join(t.TempDir(), "anew.db"); c.Clock = f.clock.now })
	for login, id := range map[string]string{"wang": wang, "li": li} {
		_, err := again.EnsureAccount(t.Context(), Account{ID: id, Name: "张三", Login: login, Applicant: true}, secret)
		require.NoError(t, err)
	}
	require.NoError(t, again.Apply(t.Context(), events))
	for _, p := range []*Provider{f.Provider, again.Provider} {
		_, err := p.TakeUp(t.Context(), e)
		require.NoError(t, err)
	}
	for _, at := range []time.Duration{0, 2 * time.Hour} {
		f.clock.pass(at)
		for _, id := range []string{wang, li, zhao} {
			want, err := f.Me(t.Context(), id)
			require.NoError(t, err)
			have, err := again.Me(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, want, have)
		}
	}
	me, err := again.Me(t.Context(), li)
	require.NoError(t, err)
	require.Equal(t, []domain.Role{domain.Department, domain.Applicant, domain.Analyst}, me.Roles)
	require.Equal(t, "b", me.Organization.ID, "the organization that came first, also when all come at once")
	me, err = again.Me(t.Context(), zhao)
	require.NoError(t, err)
	require.Equal(t, User{ID: zhao, Name: "赵", Roles: []domain.Role{domain.Bureau}, Organization: &edu}, me)

	granted, err := again.Audit(t.Context(), AuditQuery{Kind: AuditGranted, Limit: 100})
	require.NoError(t, err)
	require.Len(t, granted, 6, "what was on record before is no grant of today")
}

// Whose claims make an officer of a unit that is not registered yet registers it afterwards: its department oversees it then.
func TestAUnitThatClaimsNamedFirstComesBelowItsDepartment(t *testing.T) {
	f := open(t)
	f.put(t, Organization{ID: "edu", Name: "教育厅", Kind: domain.KindDepartment})
	f.grant(t, Grant{Account: f.person(t, "department"), Role: domain.Department, Organization: "edu"})
	department := f.mustLogin(t, "department")
	const uscc = "12220000127701509T"
	s, err := f.signIn(t, External{Issuer: "https://issuer.example", Subject: "1", Name: "王经办", Roles: []domain.Role{domain.Unit},
		Organization: domain.Organization{ID: uscc, Name: "大学"}})
	require.NoError(t, err)
	f.tell(t, "unit-"+uscc, unit.Registered{USCC: uscc, Name: "示范大学", Department: domain.Organization{ID: "edu", Name: "教育厅"}})
	actor, _, err := f.Authenticate(t.Context(), department.AccessToken)
	require.NoError(t, err)
	require.Equal(t, []string{uscc}, actor.Within)
	actor, _, err = f.Authenticate(t.Context(), s.AccessToken)
	require.NoError(t, err)
	require.Equal(t, "示范大学", actor.Organization.Name, "as it is registered")

	f.tell(t, "unit-"+uscc, unit.Registered{USCC: uscc, Name: "别的名称", Department: domain.Organization{ID: "other"}})
	actor, _, err = f.Authenticate(t.Context(), department.AccessToken)
	require.NoError(t, err)
	require.Equal(t, []string{uscc}, actor.Within, "what has its place keeps it")
}

// An operator's command that broke off behind the account is repeated as it was.
func TestAnAccountThatIsThereIsAnsweredToWhoKnowsItsPassword(t *testing.T) {
	f := open(t)
	add := func(login, password string) (string, error) {
		return f.AddAccount(t.Context(), Account{Login: login, Name: "管理员"}, password, "operator")
	}
	id, err := add("root", "correct horse 电池")
	require.NoError(t, err)
	again, err := add(" Root ", "correct horse 电池")
	require.NoError(t, err)
	require.Equal(t, id, again)
	_, err = add("root", "another horse 订书机")
	require.ErrorIs(t, err, ErrAccountExists)
	require.NoError(t, f.Disable(t.Context(), id, "operator"))
	_, err = add("root", "correct horse 电池")
	require.ErrorIs(t, err, ErrAccountExists)
}
