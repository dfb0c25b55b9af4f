package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/infra/identity"
)

// A database of accounts that is away for a moment must not end the node that follows grants into it.
func TestANodeOutlivesAStoreThatIsAway(t *testing.T) {
	t.Parallel()
	n := &node{logger: slog.New(slog.DiscardHandler)}
	tries := 0
	require.NoError(t, n.insist(t.Context(), "follow", func() error {
		if tries++; tries == 1 {
			return fmt.Errorf("identity: begin: %w", errors.Join(identity.ErrStoreAway, errors.New("connection refused")))
		}
		return nil
	}))
	require.Equal(t, 2, tries)
	broken := errors.New("an event type that nobody knows")
	require.ErrorIs(t, n.insist(t.Context(), "follow", func() error { return broken }), broken, "which no waiting repairs")
}

// An event store that was restored from an older backup, or is new, is behind the accounts; grants hold all the same.
func TestGrantsHoldWithAnOlderEventStore(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data, "--demo")
	person := "/accounts/" + demoAccountID("applicant") + "/roles"
	admin := s.as("admin")
	for range 3 { // further on than the next store will be
		admin.want(200, "", "POST", person, map[string]any{"role": "auditor"})
		admin.want(200, "", "DELETE", person+"/auditor", nil)
	}
	s.stop()
	require.NoError(t, os.RemoveAll(filepath.Join(data, "events")))
	for _, f := range []string{"", "-wal", "-shm"} {
		require.NoError(t, os.RemoveAll(filepath.Join(data, "views.sqlite"+f)))
	}
	s = start(t, data, "--demo")
	s.as("applicant").want(403, "forbidden", "GET", "/audit", nil)
	s.as("admin").want(200, "", "POST", person, map[string]any{"role": "auditor"})
	s.as("applicant").want(200, "", "GET", "/audit", nil)
	require.Contains(t, s.log.String(), "further on than the event store")
}
