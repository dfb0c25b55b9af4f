package identity

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"zhiping/domain"
	"zhiping/domain/binding"
	"zhiping/domain/organization"
	"zhiping/domain/unit"
	"zhiping/projections"
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
	require.Equal(t, uint64(40), at, "the last event that concerns us")
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

	require.NoError(t, f.Apply(t.Context(), []domain.Recorded{
		recorded(80, "organization-edu", organization.OfficerGranted{Organization: "edu", Account: id, Role: domain.Department})}))
	require.True(t, actor().Has(domain.Department))
	require.NoError(t, f.Apply(t.Context(), []domain.Recorded{recorded(90, "organization-edu", organization.Closed{})}))
	require.False(t, actor().Has(domain.Department), "nobody acts for a closed organization")
	require.NoError(t, f.Apply(t.Context(), []domain.Recorded{recorded(100, "organization-edu", organization.Reopened{})}))
	require.False(t, actor().Has(domain.Department), "officers are granted anew")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, f.Await(t.Context(), 100), "what is applied is not waited for")
	require.ErrorIs(t, f.Await(ended, 101), context.Canceled)

	// Any suffix twice changes nothing.
	before, err := f.Audit(t.Context(), AuditQuery{Account: id})
	require.NoError(t, err)
	require.NoError(t, f.Apply(t.Context(), append(events, revoked)))
	require.False(t, actor().Has(domain.Department))
	after, err := f.Audit(t.Context(), AuditQuery{Account: id})
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.Equal(t, AuditGranted, after[0].Kind)
	require.Equal(t, AuditGrantRevoked, after[1].Kind)
	require.Equal(t, "admin-1", after[1].Actor)
	require.Equal(t, "department@edu", after[1].Detail)
}

func TestOnlyOfficersAboveAChangeAreReadAfresh(t *testing.T) {
	f := open(t)
	signed := func(account, organization string) func() domain.Actor {
		id := f.person(t, account)
		f.grant(t, Grant{Account: id, Role: domain.Department, Organization: organization})
		s := f.mustLogin(t, account)
		return func() domain.Actor {
			a, _, err := f.Authenticate(t.Context(), s.AccessToken)
			require.NoError(t, err)
			return a
		}
	}
	put := func(id, parent string) {
		f.put(t, Organization{ID: id, Name: id, Kind: domain.KindDepartment, Parent: parent})
	}
	put("east", "")
	put("west", "")
	put("county", "east")
	east, west, county := signed("east-officer", "east"), signed("west-officer", "west"), signed("county-officer", "county")
	require.Equal(t, []string{"county"}, east().Within)
	require.Empty(t, west().Within)
	require.Empty(t, county().Within)
	epochs := func() (sum int64) {
		require.NoError(t, f.reader.QueryRowContext(t.Context(), `SELECT CAST(sum(n) AS INTEGER) FROM epochs`).Scan(&sum))
		return sum
	}

	register := func(uscc, department string) {
		f.tell(t, "unit-"+uscc, unit.Registered{USCC: uscc, Name: uscc, Department: domain.Organization{ID: department}})
	}
	register("school", "county")
	require.Equal(t, []string{"school"}, county().Within)
	require.Equal(t, []string{"county", "school"}, east().Within)

	before := epochs()
	register("stray", "nowhere")
	require.Equal(t, before, epochs(), "nobody is above it")

	put("county", "west")
	require.Equal(t, []string{"county", "school"}, west().Within)
	require.Empty(t, east().Within, "who is no longer above loses sight of it")

	f.tell(t, "organization-county", organization.Renamed{Name: "县教育局"})
	require.Equal(t, "县教育局", county().Organization.Name)
}

// script is a feed that delivers what it is given.
type script struct {
	events     map[uint64]domain.Recorded
	after      uint64
	deliveries []projections.Delivery
	acked      int
}

type scriptKey struct{}

func (s *script) Decode(e projections.Stored) (domain.Recorded, error) {
	r, ok := s.events[e.Position]
	if !ok {
		return r, errUnknown
	}
	return r, nil
}

func (s *script) Outline(e projections.Stored) (domain.Recorded, error) { return s.Decode(e) }

// deliver adds a delivery of events that the script knows.
func (s *script) deliver(position uint64, events ...domain.Recorded) {
	d := projections.Delivery{Position: position}
	for _, e := range events {
		s.events[e.Position] = e
		d.Events = append(d.Events, projections.Stored{Position: e.Position})
	}
	s.deliveries = append(s.deliveries, d)
}

var errUnknown = errors.New("an event type that nobody knows")

func (s *script) Head(context.Context) (uint64, error) { return 0, nil }
func (s *script) Subscriber(after uint64) message.Subscriber {
	s.after = after
	return s
}
func (s *script) Open(m *message.Message) (projections.Delivery, bool) {
	d, ok := m.Context().Value(scriptKey{}).(projections.Delivery)
	return d, ok
}
func (s *script) Close() error { return nil }
func (s *script) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	out := make(chan *message.Message)
	go func() {
		defer close(out)
		for _, d := range s.deliveries {
			m := message.NewMessage("", nil)
			m.SetContext(context.WithValue(ctx, scriptKey{}, d))
			select {
			case out <- m:
			case <-ctx.Done():
				return
			}
			select {
			case <-m.Acked():
				s.acked++
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

func TestFollowingGoesOnWhereItStopped(t *testing.T) {
	f := open(t)
	many := make([]domain.Recorded, noteEvery)
	for i := range many {
		many[i] = recorded(uint64(100+i), "binding-x", binding.Approved{})
	}
	feed := &script{events: map[uint64]domain.Recorded{}}
	feed.deliver(0, recorded(10, "organization-edu", organization.Created{ID: "edu", Name: "教育厅", Kind: organization.KindDepartment}))
	feed.deliver(20_000, many...)
	feed.deliveries = append(feed.deliveries, projections.Delivery{Events: []projections.Stored{{Position: 30_000}}})
	require.ErrorIs(t, f.Follow(t.Context(), feed), errUnknown)
	require.Equal(t, uint64(0), feed.after)
	again := &script{}
	require.NoError(t, f.Follow(t.Context(), again))
	require.Equal(t, uint64(20_000), again.after)
	orgs, err := f.Organizations(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []Organization{{ID: "edu", Name: "教育厅", Kind: domain.KindDepartment}}, orgs)
}
