package sqlite_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/readmodels"
	"zhiping/readmodels/sqlite"
	"zhiping/readmodels/storetest"
)

func openAt(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.New(sqlite.Config{Path: path, Readers: 4})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s
}

func TestContract(t *testing.T) {
	paths := map[readmodels.Store]string{}
	storetest.Run(t, storetest.Setup{
		Snapshots: true,
		Open: func(t testing.TB) readmodels.Store {
			path := filepath.Join(t.TempDir(), "views #1 %?.db")
			s := openAt(t, path)
			paths[s] = path
			return s
		},
		Reopen: func(t testing.TB, s readmodels.Store) readmodels.Store {
			require.NoError(t, s.Close(t.Context()))
			return openAt(t, paths[s])
		},
	})
}

func TestASecondProcessIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "views.db")
	s := openAt(t, path)
	info, err := os.Stat(filepath.Dir(path))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Len(t, files, 4, "the database, its log and index, and the lock")
	for _, f := range files {
		info, err := os.Stat(f)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f)
	}
	for range 2 { // once more, since the refused one must not have loosened the lock
		_, err = sqlite.New(sqlite.Config{Path: path})
		require.ErrorIs(t, err, sqlite.ErrInUse)
	}
	require.NoError(t, s.Close(t.Context()))
	openAt(t, path)
}

func TestAForeignFileIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "views.db")
	s := openAt(t, path)
	require.NoError(t, s.Close(t.Context()))
	sqlite.Foreign(t, path)
	_, err := sqlite.New(sqlite.Config{Path: path})
	require.ErrorIs(t, err, sqlite.ErrForeign)
	_, err = sqlite.New(sqlite.Config{Path: path})
	require.ErrorIs(t, err, sqlite.ErrForeign, "and the lock was given back")
}

func TestADamagedFileIsReplaced(t *testing.T) {
	notes := storetest.Notes(1)
	filled := func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "views.db")
		s := openAt(t, path)
		require.NoError(t, s.Open(t.Context(), notes.Spec()))
		b := readmodels.Batch{Name: "notes", Version: 1, Checkpoint: 1}
		for i := range 2000 {
			b.Puts = append(b.Puts, notes.Put(string(rune(0x4e00+i)), 1, &storetest.Note{Owner: "o", Text: "text"}))
		}
		require.NoError(t, s.Commit(t.Context(), b))
		require.NoError(t, s.Close(t.Context()))
		return path
	}
	reopen := func(t *testing.T, path string) string {
		var log bytes.Buffer
		s, err := sqlite.New(sqlite.Config{Path: path, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
		require.NoError(t, s.Open(t.Context(), notes.Spec()))
		_, ok, err := s.Checkpoint(t.Context(), "notes", 1)
		require.NoError(t, err)
		require.False(t, ok, "the fresh store asks for everything anew")
		return log.String()
	}
	t.Run("one that is no database at all", func(t *testing.T) {
		path := filled(t)
		require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("garbage "), 1000), 0o600))
		require.Contains(t, reopen(t, path), "damaged")
		aside, err := filepath.Glob(path + ".damaged-*")
		require.NoError(t, err)
		require.Len(t, aside, 1)
	})
	t.Run("one damaged in the middle, at the next start", func(t *testing.T) {
		path := filled(t)
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		for i := 16 * 4096; i < len(content); i++ {
			content[i] = 0xff
		}
		require.NoError(t, os.WriteFile(path, content, 0o600))
		s, err := sqlite.New(sqlite.Config{Path: path})
		require.NoError(t, err)
		_, err = notes.Find(t.Context(), s, readmodels.Query{Limit: 2000})
		require.ErrorIs(t, err, sqlite.ErrDamaged)
		require.ErrorIs(t, err, readmodels.ErrUnavailable)
		require.NoError(t, s.Close(t.Context()))
		require.Contains(t, reopen(t, path), "damaged")
	})
	t.Run("one that is gone", func(t *testing.T) {
		path := filled(t)
		require.NoError(t, os.Remove(path))
		reopen(t, path)
	})
	t.Run("one that goes while in use", func(t *testing.T) {
		s := openAt(t, filepath.Join(t.TempDir(), "views.db"))
		require.NoError(t, s.Ping(t.Context()))
		require.NoError(t, os.Remove(sqlite.Path(s)))
		require.ErrorIs(t, s.Ping(t.Context()), readmodels.ErrUnavailable)
	})
}
