package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"zhiping/readmodels"
)

// modelled asks random queries and compares each answer with what filtering and sorting in memory gives. The seed is
// fixed: a failure happens again.
func modelled(t *testing.T, setup Setup) {
	_, s := open(t, setup)
	r := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- a fixed sequence for a test
	model := map[string]*Note{}
	for position := uint64(1); position <= 6; position++ {
		b := batch(position, nil)
		for range 20 {
			id := fmt.Sprintf("n%02d", r.IntN(70))
			if slices.ContainsFunc(append(b.Puts, b.Deletes...), func(p readmodels.Put) bool { return p.ID == id }) {
				continue
			}
			if r.IntN(5) == 0 {
				b.Deletes = append(b.Deletes, readmodels.Put{ID: id, Position: position})
				delete(model, id)
				continue
			}
			model[id] = &Note{Owner: owner(r.IntN(3)), Status: []string{"", "draft", "done"}[r.IntN(3)], Rank: r.Int64N(6), Flag: r.IntN(2) == 0}
			b.Puts = append(b.Puts, notes.Put(id, position, model[id]))
		}
		require.NoError(t, s.Commit(t.Context(), b))
	}
	for i := range setup.Batch / 10 {
		q := randomQuery(r)
		require.Equal(t, answer(model, q), walk(t, s, q), "query %d: %+v", i, q)
	}
}

func randomQuery(r *rand.Rand) readmodels.Query {
	index := notes.Indexes[r.IntN(len(notes.Indexes))].Fields
	q := readmodels.Query{Equal: map[string]any{}, In: map[string][]any{}, Desc: r.IntN(2) == 0, Limit: 1 + r.IntN(20)}
	equal := index
	if r.IntN(3) > 0 {
		equal, q.Sort = index[:len(index)-1], index[len(index)-1]
	}
	for _, f := range equal {
		if r.IntN(3) > 0 {
			q.Equal[f] = someValue(r, f)
			continue
		}
		for range r.IntN(4) {
			q.In[f] = append(q.In[f], someValue(r, f))
		}
		if q.In[f] == nil {
			q.Equal[f] = someValue(r, f)
		}
	}
	if q.Sort != "" && r.IntN(2) == 0 {
		q.From = someValue(r, q.Sort)
	}
	if q.Sort != "" && r.IntN(2) == 0 {
		q.To = someValue(r, q.Sort)
	}
	if r.IntN(4) == 0 {
		q.After = &readmodels.Key{ID: fmt.Sprintf("n%02d", r.IntN(70))}
		if q.Sort != "" {
			q.After.Value = someValue(r, q.Sort)
		}
	}
	return q
}

func someValue(r *rand.Rand, field string) any {
	switch field {
	case "owner":
		return owner(r.IntN(4))
	case "status":
		return []string{"draft", "done", "none"}[r.IntN(3)]
	case "flag":
		return r.IntN(2) == 0
	}
	return r.Int64N(7)
}

// answer is the model's: all ids that the query lists, in order.
func answer(model map[string]*Note, q readmodels.Query) []string {
	type row struct {
		id     string
		fields map[string]any
	}
	rows := []row{}
	place := func(w row) readmodels.Key {
		if q.Sort == "" {
			return readmodels.Key{ID: w.id}
		}
		return readmodels.Key{Value: w.fields[q.Sort], ID: w.id}
	}
	for id, n := range model {
		w := row{id, notes.Fields(n)}
		keep := true
		for f, v := range q.Equal {
			keep = keep && w.fields[f] == v
		}
		for f, vs := range q.In {
			keep = keep && slices.Contains(vs, w.fields[f])
		}
		value := w.fields[q.Sort]
		bounded := func(bound any, sign int) bool {
			return bound == nil || readmodels.CompareKeys(readmodels.Key{Value: value}, readmodels.Key{Value: bound})*sign >= 0
		}
		keep = keep && (q.Sort == "" || value != nil) && bounded(q.From, 1) && bounded(q.To, -1)
		if keep && q.After != nil {
			c := readmodels.CompareKeys(place(w), *q.After)
			keep = c > 0 && !q.Desc || c < 0 && q.Desc
		}
		if keep {
			rows = append(rows, w)
		}
	}
	slices.SortFunc(rows, func(a, b row) int {
		if q.Desc {
			a, b = b, a
		}
		return readmodels.CompareKeys(place(a), place(b))
	})
	ids := make([]string, len(rows))
	for i, w := range rows {
		ids[i] = w.id
	}
	return ids
}
