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
	d.Position = uint64(position) // #nosec G115 -- stored positions and tokens are never negative
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
		err = readmodels.DecodeDocument(text, d.Doc)
	}
	if err != nil {
		return d, fmt.Errorf("decode document %s of %s %d: %w", d.ID, spec.Name, spec.Version, err)
	}
	return d, nil
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
			position, ok = uint64(*c.Position), true // #nosec G115 -- stored positions and tokens are never negative
		}
		return err
	})
	return position, ok, err
}
