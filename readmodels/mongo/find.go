package mongo

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo/options"

	"zhiping/readmodels"
)

// Find implements readmodels.Reader.
func (s *Store) Find(ctx context.Context, spec readmodels.Spec, q readmodels.Query) (docs []readmodels.Document, err error) {
	k := key{spec.Name, spec.Version}
	err = s.retry(ctx, func(ctx context.Context) error {
		v, err := s.view(ctx, k)
		if err != nil {
			return err
		}
		p, err := readmodels.PlanFind(v.indexes, q)
		if err != nil {
			return err
		}
		if docs, err = s.find(ctx, v, spec, p); err == nil && len(docs) == 0 {
			err = s.stillThere(ctx, k)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find in %s: %w", spec.Name, err)
	}
	return docs, nil
}

// find continues behind a key in two queries, the rest of the documents with the key's value and then those beyond
// it: each is a plain walk along the index on any server, where one query with an $or depends on the planner.
func (s *Store) find(ctx context.Context, v *view, spec readmodels.Spec, p readmodels.Plan) ([]readmodels.Document, error) {
	docs := []readmodels.Document{}
	seen := map[string]bool{}
	run := func(filter bson.D, sort bson.D) error {
		o := options.Find().SetSort(sort).SetLimit(int64(p.Limit - len(docs))).SetBatchSize(int32(p.Limit)) // #nosec G115 -- a limit is at most MaxLimit
		if p.Index >= 0 {
			o.SetHint(indexName(v.indexes[p.Index]))
		}
		return s.each(ctx, v, filter, o, func(raw bson.Raw) error {
			d, err := decode(spec, raw, p.Sort)
			if !seen[d.ID] { // a document may move between the two queries
				docs = append(docs, d)
			}
			seen[d.ID] = true
			return err
		})
	}
	way := 1
	if p.Desc {
		way = -1
	}
	byIDs := bson.D{{Key: "_id", Value: way}}
	if p.Sort == "" {
		return docs, run(append(equalities(p), idRange(p)...), byIDs)
	}
	sort := "f." + p.Sort
	if e := behind(p); e != nil {
		within := append(bounds(p, false), bson.E{Key: "$eq", Value: e.Value})
		filter := append(equalities(p), bson.E{Key: sort, Value: within}, bson.E{Key: "_id", Value: bson.D{beyond(p, e.ID)}})
		if err := run(filter, byIDs); err != nil || len(docs) == p.Limit {
			return docs, err
		}
	}
	return docs, run(append(equalities(p), bson.E{Key: sort, Value: bounds(p, true)}), append(bson.D{{Key: sort, Value: way}}, byIDs...))
}

// equalities are the conditions on the fields before the sort field. Deletions have no fields, so that only a walk
// along the ids needs to leave them out.
func equalities(p readmodels.Plan) bson.D {
	filter := bson.D{}
	for _, t := range p.Equal {
		if len(t.Values) == 1 {
			filter = append(filter, bson.E{Key: "f." + t.Field, Value: t.Values[0]})
			continue
		}
		values := append(bson.A{}, t.Values...)
		filter = append(filter, bson.E{Key: "f." + t.Field, Value: bson.D{{Key: "$in", Value: values}}})
	}
	if p.Index < 0 {
		filter = append(filter, bson.E{Key: "gone", Value: bson.D{{Key: "$exists", Value: false}}})
	}
	return filter
}

// behind is the edge that a cursor made, if there is one.
func behind(p readmodels.Plan) *readmodels.Edge {
	e := p.Low
	if p.Desc {
		e = p.High
	}
	if e != nil && e.Beyond {
		return e
	}
	return nil
}

func beyond(p readmodels.Plan, v any) bson.E {
	if p.Desc {
		return bson.E{Key: "$lt", Value: v}
	}
	return bson.E{Key: "$gt", Value: v}
}

// bounds are the conditions on the sort field; with beyond, that it lies beyond the cursor's value rather than on it.
func bounds(p readmodels.Plan, strictly bool) bson.D {
	d := bson.D{}
	for _, e := range []struct {
		edge              *readmodels.Edge
		strict, including string
	}{{p.Low, "$gt", "$gte"}, {p.High, "$lt", "$lte"}} {
		switch {
		case e.edge == nil:
		case e.edge.Beyond && strictly:
			d = append(d, bson.E{Key: e.strict, Value: e.edge.Value})
		default:
			d = append(d, bson.E{Key: e.including, Value: e.edge.Value})
		}
	}
	if len(d) == 0 {
		d = append(d, bson.E{Key: "$exists", Value: true})
	}
	return d
}

func idRange(p readmodels.Plan) bson.D {
	if p.Low == nil && p.High == nil {
		return nil
	}
	return bson.D{{Key: "_id", Value: bounds(p, true)}}
}
