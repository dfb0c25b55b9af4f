package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"zhiping/readmodels"
)

// prepared is a batch as it is written: puts, then deletions, as whole replacements.
type prepared struct {
	readmodels.Batch
	key
	writes []write
}

type write struct {
	id       string
	position int64
	doc      bson.D
}

// Commit implements readmodels.Writer.
func (s *Store) Commit(ctx context.Context, batches ...readmodels.Batch) error {
	all := make([]prepared, len(batches))
	for i, b := range batches {
		k := key{b.Name, b.Version}
		s.mu.RLock()
		v := s.views[k]
		s.mu.RUnlock()
		if v == nil || v.spec.New == nil {
			return fmt.Errorf("commit: %w: %s is not open", readmodels.ErrNoView, k)
		}
		writes, err := v.encode(b)
		if err != nil {
			return fmt.Errorf("commit to %s: %w", b.Name, err)
		}
		all[i] = prepared{b, k, writes}
	}
	writes := 0
	for _, b := range all {
		writes += len(b.writes)
	}
	err := s.retryEach(ctx, s.cfg.AttemptTimeout*time.Duration(1+writes/500), func(ctx context.Context) error {
		has, err := s.hasTransactions(ctx)
		switch {
		case err != nil:
			return err
		case has:
			return s.commitTogether(ctx, all)
		default:
			return s.commitInOrder(ctx, all)
		}
	})
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (v *view) encode(b readmodels.Batch) ([]write, error) {
	if err := b.Validate(); err != nil {
		return nil, err
	}
	writes := make([]write, 0, len(b.Puts)+len(b.Deletes))
	for _, p := range b.Puts {
		values, err := v.spec.FieldValues(p.Doc)
		if err != nil {
			return nil, err
		}
		doc, err := toBSON(p.Doc)
		if err != nil {
			return nil, fmt.Errorf("encode document %s: %w", p.ID, err)
		}
		f := bson.D{}
		for _, name := range v.fields {
			if value, ok := values[name]; ok {
				f = append(f, bson.E{Key: name, Value: value})
			}
		}
		writes = append(writes, write{p.ID, int64(p.Position), bson.D{ // #nosec G115 -- positions and tokens stay below 2^63
			{Key: "_id", Value: p.ID}, {Key: "position", Value: int64(p.Position)}, {Key: "f", Value: f}, {Key: "doc", Value: doc}, // #nosec G115 -- positions and tokens stay below 2^63
		}})
	}
	for _, d := range b.Deletes {
		writes = append(writes, write{d.ID, int64(d.Position), bson.D{ // #nosec G115 -- positions and tokens stay below 2^63
			{Key: "_id", Value: d.ID}, {Key: "position", Value: int64(d.Position)}, {Key: "gone", Value: true}, // #nosec G115 -- positions and tokens stay below 2^63
		}})
	}
	return writes, nil
}

// commitInOrder is for servers without transactions: nothing is written under an outdated token, then the documents
// are, each guarded by its position, then the checkpoints.
func (s *Store) commitInOrder(ctx context.Context, all []prepared) error {
	checkpoints := s.db.Collection("checkpoints")
	update := func(b prepared, change bson.D) error {
		return unlessFenced(ctx, checkpoints, b.key.String(), b.Token, change)
	}
	token := func(b prepared) bson.E {
		return bson.E{Key: "$set", Value: bson.D{{Key: "token", Value: int64(b.Token)}}} // #nosec G115 -- positions and tokens stay below 2^63
	}
	for _, b := range all {
		if err := update(b, bson.D{token(b)}); err != nil {
			return err
		}
	}
	for _, b := range all {
		if err := s.replace(ctx, b, b.writes, true); err != nil {
			return err
		}
	}
	for _, b := range all {
		max := bson.E{Key: "$max", Value: bson.D{{Key: "position", Value: int64(b.Checkpoint)}}} // #nosec G115 -- positions and tokens stay below 2^63
		if err := update(b, bson.D{max, token(b)}); err != nil {
			return err
		}
	}
	return nil
}

// unlessFenced changes or makes a document that holds a token, unless its token is higher.
func unlessFenced(ctx context.Context, c *mongo.Collection, id string, token uint64, change bson.D) error {
	filter := bson.D{{Key: "_id", Value: id}, {Key: "token", Value: bson.D{{Key: "$lte", Value: int64(token)}}}} // #nosec G115 -- positions and tokens stay below 2^63
	_, err := c.UpdateOne(ctx, filter, change, options.Update().SetUpsert(true))
	if !mongo.IsDuplicateKeyError(err) {
		return err
	}
	// It is there with a higher token, or somebody made it at the same moment: once it is there, the filter tells.
	result, err := c.UpdateOne(ctx, filter, change)
	if err == nil && result.MatchedCount == 0 {
		err = fmt.Errorf("%w: %s, token %d", readmodels.ErrFenced, id, token)
	}
	return err
}

// replace stores documents in chunks. When guarded, an upsert that finds only a newer document tries to insert a
// second one under the id, which the server refuses. It refuses as well when two nodes insert the same id at once,
// and then either may be the newer one: so what was refused is tried once more as a plain update, which finds the
// document there and leaves a newer one alone. (Documents never go: a deletion is one too.)
func (s *Store) replace(ctx context.Context, b prepared, writes []write, guarded bool) error {
	for chunk := range slices.Chunk(writes, s.cfg.ChunkSize) {
		result, err := s.bulk(ctx, b, chunk, guarded, true)
		refused := duplicates(err)
		if err != nil && (!guarded || len(refused) == 0) {
			return fmt.Errorf("%s: %w", b.key, err)
		}
		if len(refused) == 0 {
			continue
		}
		if int(result.MatchedCount+result.UpsertedCount)+len(refused) < len(chunk) && len(chunk) > 1 {
			// Not every server goes on behind a refused write, as unordered ones should: one by one, then.
			for i := range chunk {
				if err := s.replace(ctx, b, chunk[i:i+1], guarded); err != nil {
					return err
				}
			}
			continue
		}
		again := make([]write, len(refused))
		for i, e := range refused {
			again[i] = chunk[min(e.Index, len(chunk)-1)]
		}
		if _, err := s.bulk(ctx, b, again, guarded, false); err != nil {
			return fmt.Errorf("%s: %w", b.key, err)
		}
	}
	return nil
}

func (s *Store) bulk(ctx context.Context, b prepared, writes []write, guarded, upsert bool) (*mongo.BulkWriteResult, error) {
	models := make([]mongo.WriteModel, len(writes))
	for i, w := range writes {
		filter := byID(w.id)
		if guarded {
			filter = append(filter, bson.E{Key: "position", Value: bson.D{{Key: "$lte", Value: w.position}}})
		}
		models[i] = mongo.NewReplaceOneModel().SetFilter(filter).SetReplacement(w.doc).SetUpsert(upsert)
	}
	return s.collection(b.key).BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
}

// duplicates are the refused writes of an error that consists of duplicate keys alone; none for any other error.
func duplicates(err error) []mongo.BulkWriteError {
	var bulk mongo.BulkWriteException
	if !errors.As(err, &bulk) || bulk.WriteConcernError != nil ||
		slices.ContainsFunc(bulk.WriteErrors, func(e mongo.BulkWriteError) bool { return !e.HasErrorCode(duplicateKey) }) {
		return nil
	}
	return bulk.WriteErrors
}

const duplicateKey = 11000
