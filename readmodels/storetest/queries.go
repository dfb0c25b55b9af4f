package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/readmodels"
)

func paged(t *testing.T, setup Setup) {
	_, s := open(t, setup)
	ids := fill(t, s, 100)
	for _, desc := range []bool{false, true} {
		for _, limit := range []int{1, 7, 50, 100, 200} {
			if limit == 1 && desc {
				continue // as good as ascending, and a query a note
			}
			t.Run(fmt.Sprint("desc=", desc, " limit=", limit), func(t *testing.T) {
				require.Equal(t, expected(ids, desc, func(int) bool { return true }),
					walk(t, s, readmodels.Query{Desc: desc, Limit: limit}), "by id")
				require.Equal(t, expected(ids, desc, func(int) bool { return true }),
					walk(t, s, readmodels.Query{Sort: "rank", Desc: desc, Limit: limit}), "by rank")
				require.Equal(t, expected(ids, desc, func(i int) bool { return i%3 == 1 }),
					walk(t, s, readmodels.Query{Equal: map[string]any{"owner": "owner-1"}, Sort: "rank", Desc: desc, Limit: limit}))
				require.Equal(t, expected(ids, desc, func(i int) bool { return i%3 == 1 && i%2 == 1 }),
					walk(t, s, readmodels.Query{
						Equal: map[string]any{"owner": "owner-1", "status": "done"}, Sort: "rank", Desc: desc, Limit: limit,
					}))
				require.Equal(t, expected(ids, desc, func(i int) bool { return i%5 == 0 }),
					walk(t, s, readmodels.Query{Equal: map[string]any{"flag": true}, Desc: desc, Limit: limit}), "equal, by id")
			})
		}
	}
}

func stablePages(t *testing.T, setup Setup) {
	ctx, s := open(t, setup)
	ids := fill(t, s, 60)
	q := readmodels.Query{Sort: "rank", Desc: true, Limit: 7}
	var got []string
	for i := 0; ; i++ {
		page, err := notes.Find(ctx, s, q)
		require.NoError(t, err)
		for _, item := range page.Items {
			got = append(got, item.ID)
		}
		if page.Next == nil {
			break
		}
		q.After = page.Next
		require.NoError(t, s.Commit(ctx, batch(uint64(1000+i), map[string]*Note{fmt.Sprint("x", i): {Rank: 1000}})))
	}
	require.Equal(t, expected(ids, true, func(int) bool { return true }), got, "newest first: what is added is on the first page")
}

func ranges(t *testing.T, setup Setup) {
	_, s := open(t, setup)
	ids := fill(t, s, 100)
	require.Equal(t, expected(ids, false, func(i int) bool { return i%5 == 0 }),
		walk(t, s, readmodels.Query{Sort: "flag", From: true, Limit: 3}), "booleans are in order too")
	for _, desc := range []bool{false, true} {
		for name, c := range map[string]struct{ from, to any }{
			"both": {3, int64(9)}, "from": {12, nil}, "to": {nil, 2}, "one": {5, 5}, "none": {9, 3}, "beyond": {1000, 2000},
		} {
			match := func(i int) bool {
				return (c.from == nil || rank(i) >= number(c.from)) && (c.to == nil || rank(i) <= number(c.to))
			}
			q := readmodels.Query{Sort: "rank", From: c.from, To: c.to, Desc: desc, Limit: 5}
			require.Equal(t, expected(ids, desc, match), walk(t, s, q), "%s, desc=%v", name, desc)
			q.Equal = map[string]any{"owner": "owner-2"}
			require.Equal(t, expected(ids, desc, func(i int) bool { return i%3 == 2 && match(i) }), walk(t, s, q), name)
		}
		byID := readmodels.Query{From: "n0010", To: "n0019", Desc: desc, Limit: 4}
		require.Equal(t, expected(ids, desc, func(i int) bool { return i >= 10 && i < 20 }), walk(t, s, byID))
	}
}

func rawDocuments(t *testing.T, setup Setup) {
	ctx, s := open(t, setup)
	require.NoError(t, s.Commit(ctx, batch(1, map[string]*Note{"a": {Owner: "张三", Rank: 7, Tags: []string{"x"}}})))
	raw, _, ok, err := notes.Raw().Get(ctx, s, "a")
	require.NoError(t, err)
	require.True(t, ok)
	require.JSONEq(t, `{"owner":"张三","rank":7,"flag":false,"tags":["x"]}`, string(*raw))
	page, err := notes.Raw().Find(ctx, s, readmodels.Query{Sort: "rank", Limit: 1})
	require.NoError(t, err)
	require.Equal(t, *raw, *page.Items[0].Doc)
}

func number(v any) int64 {
	n, _ := readmodels.FieldValue(v)
	return n.(int64)
}

func severalValues(t *testing.T, setup Setup) {
	ctx, s := open(t, setup)
	ids := fill(t, s, 100)
	for _, desc := range []bool{false, true} {
		q := readmodels.Query{In: map[string][]any{"owner": {"owner-0", "owner-2", "owner-0", "nobody"}}, Sort: "rank", Desc: desc, Limit: 7}
		require.Equal(t, expected(ids, desc, func(i int) bool { return i%3 != 1 }), walk(t, s, q))
		q.In["status"] = []any{"done"}
		require.Equal(t, expected(ids, desc, func(i int) bool { return i%3 != 1 && i%2 == 1 }), walk(t, s, q))
		q.In["status"] = []any{"done", "draft"}
		q.From, q.To = 4, 11
		require.Equal(t, expected(ids, desc, func(i int) bool { return i%3 != 1 && rank(i) >= 4 && rank(i) <= 11 }), walk(t, s, q))
	}
	none, err := notes.Find(ctx, s, readmodels.Query{In: map[string][]any{"owner": {}}, Sort: "rank", Limit: 5})
	require.NoError(t, err)
	require.Empty(t, none.Items, "no value, no document")
	many := make([]any, readmodels.MaxIn+1)
	for i := range many {
		many[i] = i
	}
	_, err = notes.Find(ctx, s, readmodels.Query{In: map[string][]any{"rank": many}, Limit: 5})
	require.ErrorIs(t, err, readmodels.ErrQuery)
	byRank, err := notes.Find(ctx, s, readmodels.Query{In: map[string][]any{"rank": many[:readmodels.MaxIn]}, Limit: 100})
	require.NoError(t, err)
	require.Len(t, byRank.Items, 100)
}

func counted(t *testing.T, setup Setup) {
	ctx, s := open(t, setup)
	fill(t, s, 100)
	for _, c := range []struct {
		equal map[string]any
		max   int
		want  int
	}{
		{nil, 0, 100}, {nil, 30, 30}, {map[string]any{"owner": "owner-0"}, 0, 34}, {map[string]any{"owner": "owner-0"}, 20, 20},
		{map[string]any{"status": "done"}, 0, 50}, {map[string]any{"owner": "owner-1", "rank": 0}, 0, 2}, {map[string]any{"owner": "x"}, 0, 0},
	} {
		n, err := notes.Count(ctx, s, c.equal, c.max)
		require.NoError(t, err)
		require.Equal(t, c.want, n, "%v up to %d", c.equal, c.max)
	}
}

func refused(t *testing.T, setup Setup) {
	ctx, s := open(t, setup)
	fill(t, s, 3)
	eq := func(fields ...string) map[string]any {
		m := map[string]any{}
		for _, f := range fields {
			m[f] = "x"
		}
		return m
	}
	for _, q := range []readmodels.Query{
		{Equal: eq("text")},
		{Equal: eq("owner")}, // the index goes on with the rank, so the ids are not in order
		{Sort: "owner"}, {Sort: "text"},
		{Equal: eq("owner", "flag"), Sort: "rank"},
		{Equal: eq("status"), Sort: "rank"},
	} {
		q.Limit = 10
		_, err := s.Find(ctx, notes.Spec(), q)
		require.ErrorIs(t, err, readmodels.ErrNoIndex, "%+v", q)
	}
	_, err := s.Count(ctx, notes.Spec(), eq("text"), 0)
	require.ErrorIs(t, err, readmodels.ErrNoIndex)
	for _, q := range []readmodels.Query{
		{}, {Limit: -1}, {Limit: readmodels.MaxLimit + 1}, {Limit: 1, From: 5},
		{Limit: 1, Sort: "rank", From: 1.5}, {Limit: 1, Equal: map[string]any{"flag": nil}},
	} {
		_, err := s.Find(ctx, notes.Spec(), q)
		require.ErrorIs(t, err, readmodels.ErrQuery, "%+v", q)
	}
	for _, q := range []readmodels.Query{
		{Limit: 1, After: &readmodels.Key{Value: "x", ID: "y"}},
		{Limit: 1, Sort: "rank", After: &readmodels.Key{ID: "y"}},
		{Limit: 1, Sort: "rank", From: 1, After: &readmodels.Key{Value: "x", ID: "y"}},
	} {
		_, err := s.Find(ctx, notes.Spec(), q)
		require.ErrorIs(t, err, readmodels.ErrCursor, "%+v", q)
	}
}

func missingField(t *testing.T, setup Setup) {
	ctx, s := open(t, setup)
	require.NoError(t, s.Commit(ctx, batch(1, map[string]*Note{
		"with": {Owner: "o", Status: "done"}, "without": {Owner: "o"},
	})))
	list := func(q readmodels.Query) []string { q.Limit = 10; return walk(t, s, q) }
	require.Equal(t, []string{"with", "without"}, list(readmodels.Query{Equal: map[string]any{"owner": "o"}, Sort: "rank"}))
	require.Equal(t, []string{"with"}, list(readmodels.Query{
		Equal: map[string]any{"owner": "o"}, In: map[string][]any{"status": {"done", ""}}, Sort: "rank",
	}))
	sparse := readmodels.View[Note]{
		Name: "sparse", Version: 1, Indexes: []readmodels.Index{{Fields: []string{"status"}}},
		Fields: notes.Fields,
	}
	require.NoError(t, s.Open(ctx, sparse.Spec()))
	b := batch(1, map[string]*Note{"with": {Status: "done"}, "without": {}, "too": {Status: "draft"}})
	b.Name = sparse.Name
	require.NoError(t, s.Commit(ctx, b))
	for _, desc := range []bool{false, true} {
		page, err := sparse.Find(ctx, s, readmodels.Query{Sort: "status", Desc: desc, Limit: 10})
		require.NoError(t, err)
		var got []string
		for _, item := range page.Items {
			got = append(got, item.ID)
		}
		want := []string{"with", "too"}
		if desc {
			slices.Reverse(want)
		}
		require.Equal(t, want, got)
	}
}
