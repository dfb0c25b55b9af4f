package identity

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whatever keeps SQLite from writing for now is said to be that, and passes.
func TestADiskThatTakesNothingMoreIsAStoreThatIsAway(t *testing.T) {
	onlySQLite(t)
	for name, world := range map[string]func(t *testing.T, f *fixture) (end func()){
		"full": func(t *testing.T, f *fixture) func() {
			var pages, free int
			require.NoError(t, f.writer.QueryRowContext(t.Context(), `PRAGMA page_count`).Scan(&pages))
			require.NoError(t, f.writer.QueryRowContext(t.Context(), fmt.Sprintf(`PRAGMA max_page_count = %d`, pages)).Scan(&pages))
			for i := 0; ; i++ { // use up what the last pages have room for
				_, err := f.writer.ExecContext(t.Context(), `INSERT INTO key_check VALUES (0, zeroblob(200)) ON CONFLICT DO NOTHING`)
				require.NoError(t, err)
				_, err = f.writer.ExecContext(t.Context(), `INSERT INTO positions VALUES ($1, 1)`, fmt.Sprintf("%0300d", i))
				if err != nil {
					require.ErrorIs(t, err, ErrStoreAway)
					break
				}
			}
			require.NoError(t, f.writer.QueryRowContext(t.Context(), `PRAGMA freelist_count`).Scan(&free))
			require.Zero(t, free)
			return func() {
				require.NoError(t, f.writer.QueryRowContext(t.Context(), `PRAGMA max_page_count = 1000000`).Scan(&pages))
			}
		},
		"locked": func(t *testing.T, f *fixture) func() {
			_, err := f.writer.ExecContext(t.Context(), `PRAGMA busy_timeout = 10`)
			require.NoError(t, err)
			other, err := sql.Open("sqlite", "file:"+f.cfg.Path+"?_txlock=immediate")
			require.NoError(t, err)
			tx, err := other.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			return func() { require.NoError(t, tx.Rollback()); require.NoError(t, other.Close()) }
		},
		"read-only": func(t *testing.T, f *fixture) func() {
			_, err := f.writer.ExecContext(t.Context(), `PRAGMA query_only = ON`)
			require.NoError(t, err)
			return func() {
				_, err := f.writer.ExecContext(t.Context(), `PRAGMA query_only = OFF`)
				require.NoError(t, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			f.person(t, "applicant")
			s := f.mustLogin(t, "applicant")
			end := world(t, f)
			away := func(what string, do func(i int) error) { // a page that a table has begun may still take a row
				t.Helper()
				for i := range 500 {
					err := do(i)
					if err != nil && !errors.Is(err, ErrBadCredentials) {
						require.ErrorIs(t, err, ErrStoreAway, what)
						return
					}
				}
				require.Fail(t, "never full", what)
			}
			away("a sign-in", func(int) error { _, err := f.login(t, "applicant", secret, "192.0.2.1"); return err })
			away("a wrong password", func(i int) error { _, err := f.login(t, "applicant", "guess", fmt.Sprint("192.0.3.", i)); return err })
			away("a captcha", func(i int) error {
				_, err := f.keepCaptcha(t.Context(), "ABCDE", fmt.Sprint("192.0.3.", i))
				return err
			})
			away("a code", func(i int) error {
				return f.SendCode(t.Context(), CodeRequest{Phone: fmt.Sprintf("138%08d", i), Purpose: PurposeReset})
			})
			require.ErrorIs(t, f.Logout(t.Context(), s.AccessToken), ErrStoreAway)
			f.clock.pass(time.Hour)
			_, _, err := f.Authenticate(t.Context(), s.AccessToken)
			require.NoError(t, err, "who is signed in goes on")
			end()
			f.mustLogin(t, "applicant")
			require.NoError(t, f.Logout(t.Context(), s.AccessToken))
		})
	}
	_, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "no such folder", "db"), Pepper: make([]byte, 32)})
	require.ErrorIs(t, err, ErrStoreAway)
}

// The file has phones, names and password hashes: whoever may look into its folder must not read it, nor its logs.
func TestTheFileOfTheAccountsIsPrivate(t *testing.T) {
	onlySQLite(t)
	f := open(t)
	f.person(t, "applicant")
	private := func() {
		t.Helper()
		for _, name := range []string{"", "-wal", "-shm"} {
			info, err := os.Stat(f.cfg.Path + name)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
		}
	}
	private()
	for _, name := range []string{"", "-wal", "-shm"} { // as earlier versions made them
		require.NoError(t, os.Chmod(f.cfg.Path+name, 0o644)) // #nosec G302 -- what is to be repaired
	}
	again, err := Open(t.Context(), f.cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, again.Close()) }()
	private()
}
