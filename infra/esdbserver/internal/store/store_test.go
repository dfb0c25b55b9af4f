package store

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir, Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func proposed(n int) []Proposed {
	out := make([]Proposed, n)
	for i := range out {
		out[i] = Proposed{ID: uuid.New(), Type: "T", Data: fmt.Append(nil, i)}
	}
	return out
}

// TestReadersNeverPassAGap reads everything while others append. Positions have no gaps of their own here, so one
// that was visible too early would show as a step.
func TestReadersNeverPassAGap(t *testing.T) {
	s := open(t, t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	const writers, appends, size = 8, 50, 3
	var group errgroup.Group
	for w := range writers {
		group.Go(func() error {
			for range appends {
				if _, err := s.Append(ctx, fmt.Sprint("s-", w), Any, proposed(size)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for range 3 {
		group.Go(func() error {
			w := s.Watch("")
			defer w.Close()
			next := int64(1)
			for next <= writers*appends*size {
				events, err := s.ReadAll(ctx, next, false, Page{Limit: 7, MaxBytes: 1 << 20})
				if err != nil {
					return err
				}
				for _, e := range events {
					if e.Position != next {
						return fmt.Errorf("saw %d, expected %d", e.Position, next)
					}
					next++
				}
				if len(events) > 0 {
					continue
				}
				select {
				case <-w.C():
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
}

// TestTornTransactionIsRolledBack copies the files as a power loss would leave them: the log ends in the middle of
// the last transaction.
func TestTornTransactionIsRolledBack(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	ctx := t.Context()
	wal := filepath.Join(dir, FileName+"-wal")
	size := func() int64 {
		info, err := os.Stat(wal)
		require.NoError(t, err)
		return info.Size()
	}
	first := proposed(5)
	_, err := s.Append(ctx, "s", NoStream, first)
	require.NoError(t, err)
	whole := size()
	_, err = s.Append(ctx, "s", Any, proposed(200))
	require.NoError(t, err)
	require.Greater(t, size(), whole+4096)

	for name, cut := range map[string]int64{
		"after a few bytes": whole + 100, "after a page": whole + 4120, "before the last byte": size() - 1,
	} {
		t.Run(name, func(t *testing.T) {
			torn := t.TempDir()
			copyFile(t, filepath.Join(dir, FileName), filepath.Join(torn, FileName), -1)
			copyFile(t, wal, filepath.Join(torn, FileName+"-wal"), cut)
			s := open(t, torn)
			p, err := s.ReadStream(ctx, "s", 0, false, Page{Limit: 1000, MaxBytes: 1 << 20})
			require.NoError(t, err)
			require.Len(t, p.Events, len(first))
			res, err := s.Append(ctx, "s", int64(len(first)-1), proposed(1))
			require.NoError(t, err)
			require.Equal(t, int64(len(first)), res.Revision)
			r, err := Verify(ctx, torn)
			require.NoError(t, err)
			require.Empty(t, r.Faults)
		})
	}
}

func copyFile(t testing.TB, from, to string, limit int64) {
	t.Helper()
	in, err := os.Open(from)
	require.NoError(t, err)
	defer func() { require.NoError(t, in.Close()) }()
	out, err := os.Create(to)
	require.NoError(t, err)
	if limit < 0 {
		_, err = io.Copy(out, in)
	} else {
		_, err = io.CopyN(out, in, limit)
	}
	require.NoError(t, err)
	require.NoError(t, out.Close())
}

func TestVerifyFindsFaults(t *testing.T) {
	for name, damage := range map[string]string{
		"a revision is missing":       "DELETE FROM events WHERE revision = 1",
		"the newest event is missing": "DELETE FROM events WHERE revision = 2",
		"positions are out of order":  "UPDATE events SET position = 100 WHERE revision = 0 AND stream = 1",
		"a stream is unknown":         "DELETE FROM streams",
		"metadata disagrees":          "UPDATE streams SET max_count = 9 WHERE name = 's'",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := Open(dir, Options{})
			require.NoError(t, err)
			_, err = s.Append(t.Context(), "s", Any, proposed(3))
			require.NoError(t, err)
			_, err = s.Append(t.Context(), "$$s", Any, []Proposed{{ID: uuid.New(), Type: MetadataType, JSON: true, Data: []byte(`{"$maxCount":5}`)}})
			require.NoError(t, err)
			require.NoError(t, s.Close())
			r, err := Verify(t.Context(), dir)
			require.NoError(t, err)
			require.Empty(t, r.Faults)
			c, err := openConn(filepath.Join(dir, FileName), "rw")
			require.NoError(t, err)
			require.NoError(t, c.exec(damage))
			require.NoError(t, c.close())
			r, err = Verify(t.Context(), dir)
			require.NoError(t, err)
			require.NotEmpty(t, r.Faults)
		})
	}
	_, err := Verify(t.Context(), t.TempDir())
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestCommitsAreSynced asks SQLite, since a killed process cannot show what a power loss would: with these settings each
// commit syncs the log (sqlite.org/pragma.html#pragma_synchronous).
func TestCommitsAreSynced(t *testing.T) {
	s := open(t, t.TempDir())
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal"} {
		var got string
		// The writer's goroutine is idle, so its connection may be borrowed.
		require.NoError(t, s.writer.conn.all("PRAGMA "+pragma, func(row []driver.Value) (bool, error) {
			got = fmt.Sprint(row[0])
			return false, nil
		}))
		require.Equal(t, want, got, pragma)
	}
}

func TestClosedStoreIsOnePrivateFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	_, err := s.Append(t.Context(), "s", Any, proposed(100))
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(dir, FileName+"-wal"))
	require.NoError(t, s.Close())
	require.NoFileExists(t, filepath.Join(dir, FileName+"-wal"))
	require.NoError(t, Backup(t.Context(), filepath.Join(dir, FileName), filepath.Join(dir, "copy")))
	for _, name := range []string{FileName, "copy"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
}

func TestNewerFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	c, err := openConn(filepath.Join(dir, FileName), "rw")
	require.NoError(t, err)
	require.NoError(t, c.exec("PRAGMA user_version = 99"))
	require.NoError(t, c.close())
	_, err = Open(dir, Options{})
	require.ErrorContains(t, err, "schema version 99")
	_, err = Verify(t.Context(), dir)
	require.ErrorContains(t, err, "schema version 99")
}

func TestOldEventsExpire(t *testing.T) {
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	s, err := Open(t.TempDir(), Options{Now: func() time.Time { return now }})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	_, err = s.Append(t.Context(), "$$s", Any, []Proposed{{ID: uuid.New(), Type: MetadataType, JSON: true, Data: []byte(`{"$maxAge":60}`)}})
	require.NoError(t, err)
	for range 4 {
		_, err = s.Append(t.Context(), "s", Any, proposed(1))
		require.NoError(t, err)
		now = now.Add(30 * time.Second)
	}
	revisions := func(from int64, backwards bool) (out []int64) {
		p, err := s.ReadStream(t.Context(), "s", from, backwards, Page{Limit: 10, MaxBytes: 1 << 20})
		require.NoError(t, err)
		for _, e := range p.Events {
			out = append(out, e.Revision)
		}
		return out
	}
	require.Equal(t, []int64{2, 3}, revisions(0, false))
	require.Equal(t, []int64{3, 2}, revisions(math.MaxInt64, true))
	e, err := s.EventAt(t.Context(), "s", 1)
	require.NoError(t, err)
	require.Nil(t, e, "links do not lead to what has expired")
	now = now.Add(time.Hour)
	require.Empty(t, revisions(0, false), "the stream exists, and has nothing to show")
}

// TestClockThatGoesBack must not make creation times decrease: $maxAge relies on their order.
func TestClockThatGoesBack(t *testing.T) {
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	s, err := Open(t.TempDir(), Options{Now: func() time.Time { return now }})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	_, err = s.Append(t.Context(), "s", Any, proposed(1))
	require.NoError(t, err)
	now = now.Add(-time.Hour)
	_, err = s.Append(t.Context(), "s", Any, proposed(1))
	require.NoError(t, err)
	p, err := s.ReadStream(t.Context(), "s", 0, false, Page{Limit: 2, MaxBytes: 1 << 20})
	require.NoError(t, err)
	require.Equal(t, p.Events[0].Created, p.Events[1].Created)
}
