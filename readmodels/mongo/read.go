package mongo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"zhiping/readmodels"
)

// getSize is the number of ids that one command looks up.
const getSize = 1000

// Get implements readmodels.Reader.
func (s *Store) Get(ctx context.Context, spec readmodels.Spec, ids ...string) (docs map[string]readmodels.Document, err error) {
	k := key{spec.Name, spec.Version}
	err = s.retry(ctx, func(ctx context.Context) error {
		v, err := s.view(ctx, k)
		if err != nil {
			return err
		}
		docs = make(map[string]readmodels.Document, len(ids))
		for chunk := range slices.Chunk(ids, getSize) {
			filter := byID(chunk[0])
			if len(chunk) > 1 {
				filter = byID(bson.D{{Key: "$in", Value: chunk}})
			}
			if err := s.each(ctx, v, filter, options.Find(), func(raw bson.Raw) error {
				if _, err := raw.LookupErr("gone"); err == nil {
					return nil
				}
				d, err := decode(spec, raw, "")
				docs[d.ID] = d
				return err
			}); err != nil {
				return err
			}
		}
		if len(docs) < len(ids) {
			return s.stillThere(ctx, k)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("get from %s: %w", spec.Name, err)
	}
	return docs, nil
}

func (s *Store) each(ctx context.Context, v *view, filter bson.D, o *options.FindOptions, f func(bson.Raw) error) error {
	c, err := s.collection(v.key).Find(ctx, filter, o)
	if err != nil {
		return err
	}
	for c.Next(ctx) {
		if err := f(c.Current); err != nil {
			return errors.Join(err, c.Close(ctx))
		}
	}
	return errors.Join(c.Err(), c.Close(ctx))
}

func decode(spec readmodels.Spec, raw bson.Raw, sort string) (d readmodels.Document, err error) {
	d.ID, _ = raw.Lookup("_id").StringValueOK()
	position, _ := raw.Lookup("position").AsInt64OK()
	d.Position = uint64(position)
	d.Doc = spec.New()
	if sort != "" {
		if err := raw.Lookup("f", sort).Unmarshal(&d.Sort); err != nil {
			return d, fmt.Errorf("document %s of %s, field %s: %w", d.ID, spec.Name, sort, err)
		}
	}
	text, err := fromBSON(raw.Lookup("doc"))
	if err == nil {
		if rawDoc, ok := d.Doc.(*json.RawMessage); ok {
			*rawDoc = text
			return d, nil
		}
		err = json.Unmarshal(text, d.Doc)
	}
	if err != nil {
		return d, fmt.Errorf("decode document %s of %s %d: %w", d.ID, spec.Name, spec.Version, err)
	}
	return d, nil
}

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
		o := options.Find().SetSort(sort).SetLimit(int64(p.Limit - len(docs))).SetBatchSize(int32(p.Limit))
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

// Count implements readmodels.Reader.
func (s *Store) Count(ctx context.Context, spec readmodels.Spec, equal map[string]any, limit int) (count int, err error) {
	k := key{spec.Name, spec.Version}
	err = s.retry(ctx, func(ctx context.Context) error {
		v, err := s.view(ctx, k)
		if err != nil {
			return err
		}
		p, err := readmodels.PlanCount(v.indexes, equal)
		if err != nil {
			return err
		}
		o := options.Count()
		if limit > 0 {
			o.SetLimit(int64(limit))
		}
		if p.Index >= 0 {
			o.SetHint(indexName(v.indexes[p.Index]))
		}
		n, err := s.collection(k).CountDocuments(ctx, equalities(p), o)
		if err == nil && n == 0 {
			err = s.stillThere(ctx, k)
		}
		count = int(n)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count in %s: %w", spec.Name, err)
	}
	return count, nil
}

// checkpoint is a version's checkpoint. Position is missing until the first commit is complete.
type checkpoint struct {
	Position *int64 `bson:"position"`
	Token    int64  `bson:"token"`
}

// Checkpoint implements readmodels.Reader.
func (s *Store) Checkpoint(ctx context.Context, name string, version int) (position uint64, ok bool, err error) {
	err = s.retry(ctx, func(ctx context.Context) error {
		var c checkpoint
		err := s.db.Collection("checkpoints").FindOne(ctx, byID(key{name, version}.String())).Decode(&c)
		if errors.Is(err, mongo.ErrNoDocuments) {
			position, ok = 0, false
			return nil
		}
		if err == nil && c.Position != nil {
			position, ok = uint64(*c.Position), true
		}
		return err
	})
	return position, ok, err
}
