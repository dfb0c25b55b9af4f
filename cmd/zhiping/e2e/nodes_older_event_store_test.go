package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/cmd/zhiping/internal/demo"
)

// An event store that was restored from an older backup, or is new, is behind the accounts; grants hold all the same.
func TestGrantsHoldWithAnOlderEventStore(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := world.Start(t, data, "--demo")
	person := "/accounts/" + demo.AccountID("applicant") + "/roles"
	admin := s.As("admin")
	for range 3 { // further on than the next store will be
		admin.Want(200, "", "POST", person, map[string]any{"role": "auditor"})
		admin.Want(200, "", "DELETE", person+"/auditor", nil)
	}
	s.Stop()
	require.NoError(t, os.RemoveAll(filepath.Join(data, "events")))
	for _, f := range []string{"", "-wal", "-shm"} {
		require.NoError(t, os.RemoveAll(filepath.Join(data, "views.sqlite"+f)))
	}
	s = world.Start(t, data, "--demo")
	s.As("applicant").Want(403, "forbidden", "GET", "/audit", nil)
	s.As("admin").Want(200, "", "POST", person, map[string]any{"role": "auditor"})
	s.As("applicant").Want(200, "", "GET", "/audit", nil)
	require.Contains(t, s.Log.String(), "further on than the event store")
}
