package identity

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zhiping/domain"
)

func TestAnErasedPersonIsInNoFile(t *testing.T) {
	f := open(t)
	user, err := f.register(t, phone, idNumber)
	require.NoError(t, err)
	s, err := f.login(t, phone, "sunny-Tuesday-9", "192.0.2.1")
	require.NoError(t, err)
	require.NoError(t, f.Erase(t.Context(), user.ID, "admin"))
	_, _, err = f.Authenticate(t.Context(), s.AccessToken)
	require.ErrorIs(t, err, ErrNotSignedIn)
	_, err = f.Person(t.Context(), user.ID)
	require.ErrorIs(t, err, domain.ErrNotFound)
	_, err = f.Me(t.Context(), user.ID)
	require.ErrorIs(t, err, domain.ErrNotFound)
	files, err := filepath.Glob(f.cfg.Path + "*")
	require.NoError(t, err)
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NotContains(t, string(data), phone, name)
		require.NotContains(t, string(data), "张三", name)
	}
	// The person may come back, as somebody new.
	f.clock.pass(time.Minute)
	again, err := f.register(t, phone, idNumber)
	require.NoError(t, err)
	require.NotEqual(t, user.ID, again.ID)
}

// files is the whole of what the provider has put on the disk, folders of it included.
func (f *fixture) files(t testing.TB) string {
	t.Helper()
	var all strings.Builder
	require.NoError(t, filepath.WalkDir(filepath.Dir(f.cfg.Path), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a message that was just put in its place
		}
		all.Write(data)
		return err
	}))
	return all.String()
}

// The default sender keeps messages where the operator reads them: not for long, and not after an erasure.
func TestTheOutboxForgets(t *testing.T) {
	const other = "13800000003"
	f := open(t, func(c *Config) { c.Sender = nil })
	ask := func(phone string, purpose Purpose) {
		require.NoError(t, f.SendCode(t.Context(), CodeRequest{Phone: phone, Purpose: purpose}))
	}
	id, err := f.EnsureAccount(t.Context(), Account{Name: "张三", Phone: phone}, secret)
	require.NoError(t, err)
	outbox := func() (all string) {
		files, err := filepath.Glob(f.cfg.Path + ".outbox/*")
		require.NoError(t, err)
		for _, name := range files {
			data, err := os.ReadFile(name)
			if errors.Is(err, fs.ErrNotExist) {
				continue // it was being written, and has its name by now
			}
			require.NoError(t, err)
			all += string(data)
		}
		return all
	}
	ask(phone, PurposeReset)
	ask(other, PurposeRegister)
	require.Eventually(t, func() bool { return strings.Contains(outbox(), phone) && strings.Contains(outbox(), other) }, 5*time.Second, 5*time.Millisecond)
	require.NoError(t, f.Erase(t.Context(), id, "admin"))
	require.NotContains(t, outbox(), phone)
	require.Contains(t, outbox(), other, "somebody else's message stays")

	f.clock.pass(messagesKept)
	require.NoError(t, f.Sweep(t.Context()))
	require.Contains(t, outbox(), other)
	f.clock.pass(time.Second)
	require.NoError(t, f.Sweep(t.Context()))
	require.Empty(t, outbox())
}

// A reader in the midst of something keeps the log from being emptied: that is said, and made good.
func TestAnErasureSaysWhenTheLogKeepsTheValues(t *testing.T) {
	onlySQLite(t)
	f := open(t)
	id, err := f.EnsureAccount(t.Context(), Account{Name: "张三", Phone: phone}, secret)
	require.NoError(t, err)
	_, err = f.writer.ExecContext(t.Context(), `PRAGMA busy_timeout = 10`)
	require.NoError(t, err)
	reading, err := f.reader.pool.Conn(t.Context())
	require.NoError(t, err)
	_, err = reading.ExecContext(t.Context(), `BEGIN`)
	require.NoError(t, err)
	var n int
	require.NoError(t, reading.QueryRowContext(t.Context(), `SELECT count(*) FROM accounts`).Scan(&n))

	require.ErrorIs(t, f.Erase(t.Context(), id, "admin"), errStillRead)
	_, err = f.Person(t.Context(), id)
	require.ErrorIs(t, err, domain.ErrNotFound, "erased all the same")
	require.NoError(t, f.Sweep(t.Context()))
	require.Contains(t, f.files(t), phone)
	_, err = reading.ExecContext(t.Context(), `ROLLBACK`)
	require.NoError(t, errors.Join(err, reading.Close()))
	require.NoError(t, f.Sweep(t.Context()))
	require.NotContains(t, f.files(t), phone)
}
