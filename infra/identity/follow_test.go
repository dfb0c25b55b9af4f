package identity_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/organization"
	"zhiping/infra/esdbserver"
	"zhiping/infra/eventstore"
	"zhiping/infra/identity"
)

// From a grant that is appended to the event store to the roles of a session that is already there.
func TestAGrantInTheEventStoreReachesASession(t *testing.T) {
	dir, err := os.MkdirTemp("", "id") // a socket's path must be short
	require.NoError(t, err)
	defer os.RemoveAll(dir) //nolint:errcheck // test
	server, err := esdbserver.Open(t.Context(), esdbserver.Config{Path: filepath.Join(dir, "es"), Socket: filepath.Join(dir, "s")})
	require.NoError(t, err)
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Close(ctx)
	}()
	codec, err := eventstore.NewCodec(commands.EventTypes()...)
	require.NoError(t, err)
	client, err := eventstore.Open(eventstore.Config{Address: server.Endpoint()}, codec)
	require.NoError(t, err)
	defer client.Close()
	p, err := identity.Open(t.Context(), identity.Config{Path: filepath.Join(dir, "identity.db"), Argon2: identity.Argon2{Memory: 16, Time: 1}})
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	id, err := p.EnsureAccount(t.Context(), identity.Account{Login: "officer", Name: "李经办", Applicant: true}, "correct horse 7")
	require.NoError(t, err)
	s, err := p.Login(t.Context(), identity.LoginRequest{Account: "officer", Password: "correct horse 7"})
	require.NoError(t, err)

	put := func(expected int64, name string, event organization.Event) {
		t.Helper()
		_, err := client.Append(t.Context(), "organization-edu", expected, []domain.Proposed{{ID: uuid.New(), Type: name,
			Meta: domain.Metadata{At: time.Now().UTC(), Actor: "admin", SchemaVersion: 1}, Event: event}})
		require.NoError(t, err)
	}
	follow := func() (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- p.Follow(ctx, eventstore.NewFeed(client, "identity")) }()
		return func() {
			cancel()
			require.True(t, errors.Is(<-done, context.Canceled))
		}
	}
	has := func(want bool) {
		t.Helper()
		require.Eventually(t, func() bool {
			actor, _, err := p.Authenticate(t.Context(), s.AccessToken)
			return err == nil && actor.Has(domain.Department) == want
		}, 10*time.Second, 5*time.Millisecond)
	}
	stop := follow()
	put(-1, "OrganizationCreated", organization.Created{ID: "edu", Name: "教育厅", Kind: organization.KindDepartment})
	put(0, "OfficerGranted", organization.OfficerGranted{Organization: "edu", Account: id, Role: domain.Department})
	has(true)
	stop()
	put(1, "GrantRevoked", organization.GrantRevoked{Organization: "edu", Account: id, Role: domain.Department})
	has(true) // nobody follows
	stop = follow()
	has(false)
	stop()
	records, err := p.Audit(t.Context(), identity.AuditQuery{Kind: identity.AuditGranted})
	require.NoError(t, err)
	require.Len(t, records, 1, "what was applied before is not applied again")
}
