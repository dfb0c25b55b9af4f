package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/infra/esdbserver"
	"zhiping/infra/identity/postgrestest"
)

// Two machines share an event store and a PostgreSQL, and nothing else.
func TestASessionHoldsAndEndsOnEveryMachine(t *testing.T) {
	postgres, url := postgrestest.Fresh(t, "zhiping_test_machines")
	events, err := esdbserver.Open(t.Context(), esdbserver.Config{Path: filepath.Join(t.TempDir(), "events"), Addr: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = events.Close(ctx) // which waits for nobody's subscription
	})
	key := filepath.Join(t.TempDir(), "identity.key")
	require.NoError(t, os.WriteFile(key, []byte(strings.Repeat("5a", 32)+"\n"), 0o600))
	flags := []string{"--eventstore", events.ConnectionString(), "--identity-postgres", url, "--identity-key", key}

	first := world.Start(t, t.TempDir(), append(flags, "--demo")...)
	second := world.Start(t, t.TempDir(), flags...)
	here := first.As("applicant")
	there := &world.Caller{Server: second, Token: here.Token}
	require.Equal(t, here.Want(200, "", "GET", "/me", nil).Str("id"), there.Want(200, "", "GET", "/me", nil).Str("id"))
	there.Want(204, "", "POST", "/auth/logout", nil)
	here.Want(401, "not_signed_in", "GET", "/me", nil)

	there = second.As("applicant")
	here = &world.Caller{Server: first, Token: there.Token}
	here.Want(200, "", "GET", "/me", nil)
	if postgres.Own() {
		require.NoError(t, postgres.Stop())
		here.Want(503, "identity_store_unavailable", "GET", "/me", nil)
		require.NoError(t, postgres.Resume(t.Context()))
		// A node whose connections were cut within the last second finds out by its first request.
		for _, c := range []*world.Caller{here, there} {
			c.Server.Eventually("answering again", func() bool { return c.Do("GET", "/me", nil).Status == 200 })
		}
	}
	var out strings.Builder
	require.NoError(t, world.Run(t.Context(), []string{"accounts", "--data", t.TempDir(), "--identity-postgres", url, "--identity-key", key, "disable", "applicant"}, &out, &out))
	here.Want(401, "not_signed_in", "GET", "/me", nil)
	there.Want(401, "not_signed_in", "GET", "/me", nil)
}

// Two nodes count the sign-ins of an address together, so that nobody has as many tries as there are nodes.
func TestNodesShareTheLimitOnSignIns(t *testing.T) {
	_, url := postgrestest.Fresh(t, "zhiping_test_limits")
	key := filepath.Join(t.TempDir(), "identity.key")
	require.NoError(t, os.WriteFile(key, []byte(strings.Repeat("5a", 32)+"\n"), 0o600))
	flags := []string{"--identity-postgres", url, "--identity-key", key, "--limit-sign-ins", "6"}
	nobody := []*world.Caller{{Server: world.Start(t, t.TempDir(), flags...)}, {Server: world.Start(t, t.TempDir(), flags...)}}
	for i := range 6 {
		nobody[i%2].Want(200, "", "POST", "/auth/captcha", nil)
	}
	for _, c := range nobody {
		c.Want(429, "too_many_requests", "POST", "/auth/captcha", nil)
	}
}

// Two nodes hold an account to one limit, though no request waits until they have told each other.
func TestNodesShareTheLimitOnRequests(t *testing.T) {
	const most = 30
	_, url := postgrestest.Fresh(t, "zhiping_test_requests")
	key := filepath.Join(t.TempDir(), "identity.key")
	require.NoError(t, os.WriteFile(key, []byte(strings.Repeat("5a", 32)+"\n"), 0o600))
	flags := []string{"--identity-postgres", url, "--identity-key", key, "--limit-requests", strconv.Itoa(most)}
	first := world.Start(t, t.TempDir(), append(flags, "--demo")...)
	second := world.Start(t, t.TempDir(), flags...)
	here, neighbour := first.As("applicant"), first.As("applicant2")
	callers := []*world.Caller{here, {Server: second, Token: here.Token}}
	passed := 0
	var refused world.Answer
	for inARow, i := 0, 0; inARow < len(callers); i++ {
		require.Less(t, passed, 2*most, "each node has a limit of its own")
		if a := callers[i%2].Do("GET", "/me", nil); a.Status == 429 {
			inARow, refused = inARow+1, a
		} else {
			require.Equal(t, 200, a.Status, "%s", a.Raw)
			passed, inARow = passed+1, 0
		}
		time.Sleep(100 * time.Millisecond) // ten in what one exchange takes
	}
	require.GreaterOrEqual(t, passed, most)
	require.Less(t, passed, most*5/3)
	require.Equal(t, "too_many_requests", refused.Str("code"))
	require.NotEmpty(t, refused.Header.Get("Retry-After"))
	for _, s := range []*world.Server{first, second} {
		(&world.Caller{Server: s, Token: neighbour.Token}).Want(200, "", "GET", "/me", nil)
		(&world.Caller{Server: s}).Want(200, "", "GET", "/auth/methods", nil)
	}
}

func TestAPostgreSQLNeedsTheKeyOfAllNodes(t *testing.T) {
	var out strings.Builder
	err := world.Run(t.Context(), []string{"accounts", "--data", t.TempDir(), "--identity-postgres", "postgres://127.0.0.1:1/none", "disable", "applicant"}, &out, &out)
	require.ErrorContains(t, err, "--identity-key")
}
