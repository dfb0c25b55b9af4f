package sqlite

import (
	"database/sql/driver"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/readmodels"
)

// Path tells the file of a store.
func Path(s *Store) string { return s.cfg.Path }

// Foreign makes the file look like another program's database.
func Foreign(t testing.TB, path string) {
	c, err := openConn(path, false)
	require.NoError(t, err)
	_, err = c.exec("PRAGMA application_id=7")
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

// Explain tells how SQLite would run a query.
func Explain(t testing.TB, s *Store, spec readmodels.Spec, q readmodels.Query) string {
	var plan strings.Builder
	require.NoError(t, s.reading(t.Context(), func(c *conn) error {
		v, err := s.view(c, spec.Name, spec.Version)
		require.NoError(t, err)
		p, err := readmodels.PlanFind(v.indexes, q)
		require.NoError(t, err)
		sql, args := v.findSQL("EXPLAIN QUERY PLAN "+v.documents(""), p, p.Combinations()[0])
		return c.query(t.Context(), func(row []driver.Value) error {
			plan.WriteString(row[3].(string) + "\n")
			return nil
		}, sql, args...)
	}))
	return plan.String()
}

// CacheSize is the size of the kept documents.
func (s *Store) CacheSize() int { return s.docs.size }

// LimitLog makes the store empty its log early.
func (s *Store) LimitLog(bytes int64) { s.logLimit = bytes }
