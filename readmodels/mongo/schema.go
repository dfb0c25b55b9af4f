package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"zhiping/readmodels"
)

// view is a version of a view as the database has it.
type view struct {
	key
	spec    readmodels.Spec // zero if this process has not opened it: then it can be read only
	fields  []string        // those that its documents have carried from the first
	indexes []readmodels.Index
}

// declaration is what the views collection keeps of a view.
type declaration struct {
	ID      string   `bson:"_id"`
	Fields  []string `bson:"fields"`
	Indexes []string `bson:"indexes"` // the fields of each, separated by spaces
}

func (k key) String() string { return fmt.Sprintf("%s@%d", k.name, k.version) }

func (s *Store) collection(k key) *mongo.Collection {
	return s.db.Collection(fmt.Sprintf("view_%s_%d", k.name, k.version))
}

func indexName(x readmodels.Index) string { return "by_" + strings.Join(x.Fields, "_") }

func byID(id any) bson.D { return bson.D{{Key: "_id", Value: id}} }

// indexing is the time for opening a view, whose indexes may have to be made over many documents.
const indexing = 10 * time.Minute

// Open implements readmodels.Store.
func (s *Store) Open(ctx context.Context, specs ...readmodels.Spec) error {
	for _, spec := range specs {
		if err := spec.Validate(); err != nil {
			return err
		}
	}
	for _, spec := range specs {
		var v *view
		err := s.retryEach(ctx, indexing, func(ctx context.Context) (err error) {
			v, err = s.openView(ctx, spec)
			return err
		})
		if err != nil {
			return fmt.Errorf("open view %s %d: %w", spec.Name, spec.Version, err)
		}
		s.mu.Lock()
		s.views[v.key] = v
		s.mu.Unlock()
	}
	return nil
}

func (s *Store) openView(ctx context.Context, spec readmodels.Spec) (*view, error) {
	v := &view{key: key{spec.Name, spec.Version}, spec: spec, fields: spec.IndexedFields(), indexes: spec.Indexes}
	old, err := s.load(ctx, v.key)
	if err != nil {
		return nil, err
	}
	c := s.collection(v.key)
	if old != nil {
		for _, f := range v.fields {
			if !slices.Contains(old.fields, f) {
				return nil, fmt.Errorf("%w: field %s is newly indexed; raise the version", readmodels.ErrQuery, f)
			}
		}
		v.fields = old.fields // they go on being written, so that an index over them may come back
		for _, x := range old.indexes {
			if slices.ContainsFunc(v.indexes, func(y readmodels.Index) bool { return slices.Equal(x.Fields, y.Fields) }) {
				continue
			}
			var server mongo.ServerError
			if _, err := c.Indexes().DropOne(ctx, indexName(x)); err != nil &&
				!(errors.As(err, &server) && server.HasErrorCode(indexNotFound)) {
				return nil, err
			}
		}
	}
	d := declaration{ID: v.String(), Fields: append([]string{}, v.fields...), Indexes: []string{}}
	var models []mongo.IndexModel
	for _, x := range v.indexes {
		keys := bson.D{}
		for _, f := range x.Fields {
			keys = append(keys, bson.E{Key: "f." + f, Value: 1})
		}
		models = append(models, mongo.IndexModel{
			Keys: append(keys, bson.E{Key: "_id", Value: 1}), Options: options.Index().SetName(indexName(x)),
		})
		d.Indexes = append(d.Indexes, strings.Join(x.Fields, " "))
	}
	if old == nil {
		// Transactions on older servers do not create collections.
		var server mongo.ServerError
		err := s.db.CreateCollection(ctx, c.Name())
		if err != nil && !(errors.As(err, &server) && server.HasErrorCode(namespaceExists)) {
			return nil, err
		}
	}
	there, err := c.Indexes().ListSpecifications(ctx)
	if err != nil {
		return nil, err
	}
	models = slices.DeleteFunc(models, func(m mongo.IndexModel) bool {
		return slices.ContainsFunc(there, func(i *mongo.IndexSpecification) bool { return i.Name == *m.Options.Name })
	})
	if len(models) > 0 {
		if _, err := c.Indexes().CreateMany(ctx, models); err != nil {
			return nil, err
		}
	}
	_, err = s.db.Collection("views").ReplaceOne(ctx, byID(d.ID), d, options.Replace().SetUpsert(true))
	return v, err
}

// The server's error codes that this package tells apart.
const (
	indexNotFound   = 27
	namespaceExists = 48
)

// load reads a declaration; nil if there is none.
func (s *Store) load(ctx context.Context, k key) (*view, error) {
	var d declaration
	err := s.db.Collection("views").FindOne(ctx, byID(k.String())).Decode(&d)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v := &view{key: k, fields: d.Fields, indexes: make([]readmodels.Index, len(d.Indexes))}
	for i, fields := range d.Indexes {
		v.indexes[i].Fields = strings.Fields(fields)
	}
	return v, nil
}

// view finds a version of a view, one that another process opened too.
func (s *Store) view(ctx context.Context, k key) (*view, error) {
	s.mu.RLock()
	v := s.views[k]
	s.mu.RUnlock()
	if v != nil {
		return v, nil
	}
	v, err := s.load(ctx, k)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, fmt.Errorf("%w: %s", readmodels.ErrNoView, k)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if opened := s.views[k]; opened != nil {
		return opened, nil
	}
	s.views[k] = v
	return v, nil
}

// stillThere is asked when something was not found: a collection that another node has dropped looks like an empty
// one.
func (s *Store) stillThere(ctx context.Context, k key) error {
	v, err := s.load(ctx, k)
	if err != nil {
		return err
	}
	if v != nil {
		return nil
	}
	s.mu.Lock()
	delete(s.views, k)
	s.mu.Unlock()
	return fmt.Errorf("%w: %s", readmodels.ErrNoView, k)
}

// Drop implements readmodels.Store. The declaration goes first, so that nobody takes the emptied collection for an
// empty view; a Drop that breaks off is completed by repeating it.
func (s *Store) Drop(ctx context.Context, name string, version int) error {
	k := key{name, version}
	s.mu.Lock()
	delete(s.views, k)
	s.mu.Unlock()
	err := s.retry(ctx, func(ctx context.Context) error {
		if _, err := s.db.Collection("views").DeleteOne(ctx, byID(k.String())); err != nil {
			return err
		}
		if _, err := s.db.Collection("checkpoints").DeleteOne(ctx, byID(k.String())); err != nil {
			return err
		}
		return s.collection(k).Drop(ctx)
	})
	if err != nil {
		return fmt.Errorf("drop view %s: %w", k, err)
	}
	return nil
}

// Live implements readmodels.Store.
func (s *Store) Live(ctx context.Context, name string) (version int, ok bool, err error) {
	err = s.retry(ctx, func(ctx context.Context) error {
		var live struct {
			Version int `bson:"version"`
		}
		err := s.db.Collection("live").FindOne(ctx, byID(name)).Decode(&live)
		if errors.Is(err, mongo.ErrNoDocuments) {
			return nil
		}
		version, ok = live.Version, err == nil
		return err
	})
	return version, ok, err
}

// SetLive implements readmodels.Store.
func (s *Store) SetLive(ctx context.Context, name string, version int, token uint64) error {
	return s.retry(ctx, func(ctx context.Context) error {
		if _, err := s.view(ctx, key{name, version}); err != nil {
			return err
		}
		return unlessFenced(ctx, s.db.Collection("live"), name, token, bson.D{{Key: "$set", Value: bson.D{
			{Key: "version", Value: int64(version)}, {Key: "token", Value: int64(token)}, // #nosec G115 -- positions and tokens stay below 2^63
		}}})
	})
}
