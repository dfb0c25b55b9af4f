package store

import (
	"database/sql/driver"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every statement is answered through an index, so that its cost follows its answer and not the history's length.
func TestNoStatementScansATable(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	_, err := s.Append(t.Context(), "s-1", Any, proposed(100))
	require.NoError(t, err)

	all := (&reader{}).sources()
	maps.Copy(all, (&statements{}).sources())
	// A scan in the order of the primary key is a look at one end of the table, or a read from a position on.
	ends := map[string]string{"SELECT position, created FROM events ORDER BY position DESC LIMIT 1": "SCAN events"}
	paths, err := filepath.Glob(filepath.Join(dir, "*.sqlite"))
	require.NoError(t, err)
	require.Len(t, paths, 1)
	c, err := openConn(paths[0], "ro")
	require.NoError(t, err)
	defer func() { require.NoError(t, c.close()) }()
	planned := 0
	for sql := range all {
		switch sql {
		case "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK":
			continue
		}
		planned++
		err := c.all("EXPLAIN QUERY PLAN "+sql, func(row []driver.Value) (bool, error) {
			detail := asString(row[3])
			if (strings.HasPrefix(detail, "SCAN") && detail != ends[sql] && detail != "SCAN CONSTANT ROW") || strings.Contains(detail, "TEMP B-TREE") && !strings.Contains(sql, "+revision") {
				t.Errorf("%s: %s", sql, detail)
			}
			if strings.Contains(sql, "AND id = ?") && !strings.Contains(detail, "events_by_id") && !strings.Contains(detail, "TEMP B-TREE") {
				t.Errorf("%s walks the stream: %s", sql, detail)
			}
			return true, nil
		}, make([]driver.Value, strings.Count(sql, "?"))...)
		require.NoError(t, err, sql)
	}
	require.Greater(t, planned, 15)
}

// BenchmarkAppendAnywhere appends without an expected revision, which asks whether the stream holds the event's id already.
func BenchmarkAppendAnywhere(b *testing.B) {
	for _, length := range []int{100, 10_000, 200_000} {
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			s := open(b, b.TempDir())
			for done := 0; done < length; done += 100 {
				_, err := s.Append(b.Context(), "s-1", Any, proposed(100))
				require.NoError(b, err)
			}
			for b.Loop() {
				_, err := s.Append(b.Context(), "s-1", Any, proposed(1))
				require.NoError(b, err)
			}
		})
	}
}
