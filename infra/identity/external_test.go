package identity

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/domain"
)

func TestAnOfficersClaimCountsOnlyWithAnOrganization(t *testing.T) {
	f := open(t)
	e := External{Issuer: "https://issuer.example", Subject: "1", Name: "王科长", Roles: []domain.Role{domain.Bureau, "king", domain.System, domain.Analyst}}
	s, err := f.signIn(t, e)
	require.NoError(t, err)
	require.Equal(t, []domain.Role{domain.Analyst}, s.User.Roles)
	actor, err := f.ActorOf(t.Context(), Bearer{External: e})
	require.NoError(t, err)
	require.Equal(t, []domain.Role{domain.Analyst}, actor.Roles)
}

// Who is an officer here for one organization gets nothing from a claim for another.
func TestAnOfficerHereIsNotOneElsewhereByClaim(t *testing.T) {
	f := open(t)
	e := External{Issuer: "https://issuer.example", Subject: "1", Name: "王科长", Roles: []domain.Role{domain.Bureau},
		Organization: domain.Organization{ID: "elsewhere", Name: "外"}}
	f.put(t, Organization{ID: "here", Name: "内", Kind: domain.KindDepartment})
	f.grant(t, Grant{Account: e.AccountID(), Role: domain.Department, Organization: "here"})
	want := domain.Organization{ID: "here", Name: "内"}
	actor, err := f.ActorOf(t.Context(), Bearer{External: e})
	require.NoError(t, err)
	require.Equal(t, want, actor.Organization)
	require.Equal(t, []domain.Role{domain.Department}, actor.Roles)
	s, err := f.signIn(t, e)
	require.NoError(t, err)
	require.Equal(t, &want, s.User.Organization)
	require.Equal(t, []domain.Role{domain.Department}, s.User.Roles)
}

func TestAnErasedPersonMaySignInAnew(t *testing.T) {
	f := open(t)
	e := External{Issuer: "https://issuer.example", Subject: "1", Name: "张三", Roles: []domain.Role{domain.Applicant}}
	s, err := f.signIn(t, e)
	require.NoError(t, err)
	hint, err := f.SignOutHint(t.Context(), s.AccessToken)
	require.NoError(t, err)
	require.Equal(t, "id token", hint)
	require.NoError(t, f.Erase(t.Context(), s.User.ID, "admin"))
	_, _, err = f.Authenticate(t.Context(), s.AccessToken)
	require.ErrorIs(t, err, ErrNotSignedIn)
	again, err := f.signIn(t, e)
	require.NoError(t, err)
	require.Equal(t, s.User, again.User)
	require.NoError(t, f.Disable(t.Context(), s.User.ID, "admin"))
	_, err = f.signIn(t, e)
	require.ErrorIs(t, err, ErrAccountDisabled)
}

func TestRolesFromClaimsAreAudited(t *testing.T) {
	f := open(t)
	e := External{Issuer: "https://issuer.example", Subject: "1", Name: "王科长", Organization: domain.Organization{ID: "hrss", Name: "省人社厅"}}
	var seen int64
	signIn := func(roles ...domain.Role) (changes []string) {
		e.Roles = roles
		s, err := f.signIn(t, e)
		require.NoError(t, err)
		records, err := f.Audit(t.Context(), AuditQuery{Account: s.User.ID, Actor: "admin"})
		require.NoError(t, err)
		for _, r := range slices.Backward(records) {
			if r.ID > seen {
				seen = r.ID
				changes = append(changes, string(r.Kind)+" "+r.Detail)
			}
		}
		return changes
	}
	require.Equal(t, []string{"granted applicant", "granted bureau@hrss"}, signIn(domain.Applicant, domain.Bureau))
	require.Empty(t, signIn(domain.Applicant, domain.Bureau), "nothing has changed")
	require.Equal(t, []string{"grant_revoked bureau@hrss", "granted auditor"}, signIn(domain.Applicant, domain.Auditor))
	require.Equal(t, []string{"grant_revoked applicant", "grant_revoked auditor"}, signIn())
}
