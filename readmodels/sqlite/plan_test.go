package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/readmodels"
	"zhiping/readmodels/sqlite"
	"zhiping/readmodels/storetest"
)

// A query that sorts or scans would still answer right, only slowly, so that nothing but its plan tells.
func TestQueriesWalkAnIndex(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "views.db"))
	spec := storetest.Notes(1).Spec()
	require.NoError(t, s.Open(t.Context(), spec))
	owner := map[string]any{"owner": "o"}
	for name, c := range map[string]struct {
		query readmodels.Query
		seek  string
	}{
		"equal":       {readmodels.Query{Equal: owner, Sort: "rank"}, "(f_owner=? AND f_rank>?)"},
		"next page":   {readmodels.Query{Equal: owner, Sort: "rank", After: &readmodels.Key{Value: int64(1), ID: "x"}}, "(f_owner=? AND (f_rank,id)>(?,?))"},
		"descending":  {readmodels.Query{Equal: owner, Sort: "rank", Desc: true, After: &readmodels.Key{Value: int64(1), ID: "x"}}, "(f_owner=? AND f_rank>? AND (f_rank,id)<(?,?))"},
		"range":       {readmodels.Query{Equal: owner, Sort: "rank", From: 1, To: 2}, "(f_owner=? AND f_rank>? AND f_rank<?)"},
		"sorted":      {readmodels.Query{Sort: "rank", After: &readmodels.Key{Value: int64(1), ID: "x"}}, "((f_rank,id)>(?,?))"},
		"by id":       {readmodels.Query{After: &readmodels.Key{ID: "x"}}, "(id>?)"},
		"equal by id": {readmodels.Query{Equal: map[string]any{"flag": true}, After: &readmodels.Key{ID: "x"}}, "(f_flag=? AND id>?)"},
	} {
		c.query.Limit = 20
		plan := sqlite.Explain(t, s, spec, c.query)
		require.Contains(t, plan, "SEARCH", name)
		require.Contains(t, plan, c.seek, name)
		require.NotContains(t, plan, "TEMP B-TREE", name)
	}
}
