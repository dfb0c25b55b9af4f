package postgrestest

import (
	"errors"
	"testing"
)

// Fresh starts a server for one test and answers it with the URL of an empty database. Where PostgreSQL is not installed the test
// is skipped, and says so.
func Fresh(t testing.TB, database string) (server *Server, url string) {
	t.Helper()
	server, err := Start(t.Context())
	if errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	if url, err = server.Fresh(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	return server, url
}
