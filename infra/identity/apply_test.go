package identity

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/domain/binding"
	"zhiping/domain/organization"
	"zhiping/domain/unit"
)

func recorded(position uint64, stream string, event any) domain.Recorded {
	return domain.Recorded{Stream: stream, Position: position, Event: event, Meta: domain.Metadata{Actor: "admin-1", IP: "192.0.2.9"}}
}

func TestEventsOfOrganizationsDecideWhoIsAnOfficer(t *testing.T) {
	f := open(t)
	id := f.person(t, "officer")
	s := f.mustLogin(t, "officer")
	actor := func() domain.Actor {
		a, _, err := f.Authenticate(t.Context(), s.AccessToken)
		require.NoError(t, err)
		return a
	}
	end := f.clock.now().Add(time.Hour)
	const uscc = "12220000127701509T"
	events := []domain.Recorded{
		recorded(10, "organization-edu", organization.Created{ID: "edu", Name: "教育厅", Kind: organization.KindDepartment}),
		recorded(20, "unit-"+uscc, unit.Registered{USCC: uscc, Name: "示范大学", Department: domain.Organization{ID: "edu", Name: "教育厅"}}),
		recorded(30, "organization-edu", organization.OfficerGranted{Organization: "edu", Account: id, Role: domain.Department, Expires: &end}),
		recorded(40, "organization-edu", organization.Renamed{Name: "省教育厅"}),
		recorded(50, "binding-x", binding.Approved{}),
	}
	require.NoError(t, f.Apply(t.Context(), events))
	require.Equal(t, domain.Actor{ID: id, Name: "张三", Roles: []domain.Role{domain.Department, domain.Applicant},
		Organization: domain.Organization{ID: "edu", Name: "省教育厅"}, Within: []string{uscc}}, actor())
	at, err := f.Position(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(50), at)
	of, err := f.OfficerOf(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "edu", of)

	f.clock.pass(time.Hour)
	require.Equal(t, []domain.Role{domain.Applicant}, actor().Roles, "the grant has expired")

	require.NoError(t, f.Apply(t.Context(), []domain.Recorded{
		recorded(60, "organization-edu", organization.OfficerGranted{Organization: "edu", Account: id, Role: domain.Department})}))
	require.True(t, actor().Has(domain.Department))
	revoked := recorded(70, "organization-edu", organization.GrantRevoked{Organization: "edu", Account: id, Role: domain.Department})
	require.NoError(t, f.Apply(t.Context(), []domain.Recorded{revoked}))
	require.False(t, actor().Has(domain.Department))

	// Any suffix twice changes nothing.
	before, err := f.Audit(t.Context(), AuditQuery{Account: id})
	require.NoError(t, err)
	require.NoError(t, f.Apply(t.Context(), append(events, revoked)))
	require.False(t, actor().Has(domain.Department))
	after, err := f.Audit(t.Context(), AuditQuery{Account: id})
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.Equal(t, AuditGrantRevoked, after[0].Kind)
	require.Equal(t, "admin-1", after[0].Actor)
	require.Equal(t, "department@edu", after[0].Detail)
}
