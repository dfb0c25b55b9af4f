package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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

	first := start(t, t.TempDir(), append(flags, "--demo")...)
	second := start(t, t.TempDir(), flags...)
	here := first.as("applicant")
	there := &caller{s: second, token: here.token}
	require.Equal(t, here.want(200, "", "GET", "/me", nil).str("id"), there.want(200, "", "GET", "/me", nil).str("id"))
	there.want(204, "", "POST", "/auth/logout", nil)
	here.want(401, "not_signed_in", "GET", "/me", nil)

	there = second.as("applicant")
	here = &caller{s: first, token: there.token}
	here.want(200, "", "GET", "/me", nil)
	if postgres.Own() {
		require.NoError(t, postgres.Stop())
		here.want(503, "identity_store_unavailable", "GET", "/me", nil)
		require.NoError(t, postgres.Resume(t.Context()))
		// A node whose connections were cut within the last second finds out by its first request.
		for _, c := range []*caller{here, there} {
			c.s.eventually("answering again", func() bool { return c.do("GET", "/me", nil).status == 200 })
		}
	}
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"accounts", "--data", t.TempDir(), "--identity-postgres", url, "--identity-key", key, "disable", "applicant"}, &out, &out))
	here.want(401, "not_signed_in", "GET", "/me", nil)
	there.want(401, "not_signed_in", "GET", "/me", nil)
}

// Two nodes count the sign-ins of an address together, so that nobody has as many tries as there are nodes.
func TestNodesShareTheLimitOnSignIns(t *testing.T) {
	_, url := postgrestest.Fresh(t, "zhiping_test_limits")
	key := filepath.Join(t.TempDir(), "identity.key")
	require.NoError(t, os.WriteFile(key, []byte(strings.Repeat("5a", 32)+"\n"), 0o600))
	flags := []string{"--identity-postgres", url, "--identity-key", key, "--limit-sign-ins", "6"}
	nobody := []*caller{{s: start(t, t.TempDir(), flags...)}, {s: start(t, t.TempDir(), flags...)}}
	for i := range 6 {
		nobody[i%2].want(200, "", "POST", "/auth/captcha", nil)
	}
	for _, c := range nobody {
		c.want(429, "too_many_requests", "POST", "/auth/captcha", nil)
	}
}

// Two nodes hold an account to one limit, though no request waits until they have told each other.
func TestNodesShareTheLimitOnRequests(t *testing.T) {
	const most = 30
	_, url := postgrestest.Fresh(t, "zhiping_test_requests")
	key := filepath.Join(t.TempDir(), "identity.key")
	require.NoError(t, os.WriteFile(key, []byte(strings.Repeat("5a", 32)+"\n"), 0o600))
	flags := []string{"--identity-postgres", url, "--identity-key", key, "--limit-requests", strconv.Itoa(most)}
	first := start(t, t.TempDir(), append(flags, "--demo")...)
	second := start(t, t.TempDir(), flags...)
	here, neighbour := first.as("applicant"), first.as("applicant2")
	callers := []*caller{here, {s: second, token: here.token}}
	passed := 0
	var refused answer
	for inARow, i := 0, 0; inARow < len(callers); i++ {
		require.Less(t, passed, 2*most, "each node has a limit of its own")
		if a := callers[i%2].do("GET", "/me", nil); a.status == 429 {
			inARow, refused = inARow+1, a
		} else {
			require.Equal(t, 200, a.status, "%s", a.raw)
			passed, inARow = passed+1, 0
		}
		time.Sleep(100 * time.Millisecond) // ten in what one exchange takes
	}
	require.GreaterOrEqual(t, passed, most)
	require.Less(t, passed, most*5/3)
	require.Equal(t, "too_many_requests", refused.str("code"))
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	for _, s := range []*server{first, second} {
		(&caller{s: s, token: neighbour.token}).want(200, "", "GET", "/me", nil)
		(&caller{s: s}).want(200, "", "GET", "/auth/methods", nil)
	}
}

func TestAPostgreSQLNeedsTheKeyOfAllNodes(t *testing.T) {
	var out strings.Builder
	err := run(t.Context(), []string{"accounts", "--data", t.TempDir(), "--identity-postgres", "postgres://127.0.0.1:1/none", "disable", "applicant"}, &out, &out)
	require.ErrorIs(t, err, errIdentityKey)
}
