package identity

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"zhiping/infra/identity/postgrestest"
)

// postgres is where open keeps its tables in the second run of the tests; nil in the first, which is SQLite's.
var postgres *postgrestest.Server

// TestMain runs every test over SQLite and, where it is installed, over PostgreSQL.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if fuzzing := flag.Lookup("test.fuzz"); code == 0 && fuzzing.Value.String() == "" {
		code = again(m)
	}
	os.Exit(code)
}

func again(m *testing.M) (code int) {
	var err error
	postgres, err = postgrestest.Start(context.Background())
	if errors.Is(err, postgrestest.ErrMissing) {
		fmt.Println("not run over PostgreSQL:", err)
		return 0
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() {
		if err := postgres.Close(); err != nil {
			fmt.Println(err)
			code = 1
		}
	}()
	return m.Run()
}

// onlySQLite skips a test of what SQLite leaves in files.
func onlySQLite(t *testing.T) {
	if postgres != nil {
		t.Skip("about the files of SQLite")
	}
}

// onlyPostgres skips a test of what there is only with PostgreSQL.
func onlyPostgres(t *testing.T) {
	if postgres == nil {
		t.Skip("about PostgreSQL, whose run comes second")
	}
}
