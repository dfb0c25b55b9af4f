package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"zhiping/readmodels"
)

// commitTogether is one transaction. What is there is read first, since a duplicate key would end the transaction;
// snapshot isolation makes anything that changes it meanwhile a write conflict, and the whole is tried again.
func (s *Store) commitTogether(ctx context.Context, all []prepared) error {
	session, err := s.client.StartSession()
	if err != nil {
		return err
	}
	defer session.EndSession(context.WithoutCancel(ctx))
	o := options.Transaction().SetReadConcern(readconcern.Snapshot()).SetWriteConcern(writeconcern.Majority())
	_, err = session.WithTransaction(ctx, func(ctx mongo.SessionContext) (any, error) {
		for _, b := range all {
			if err := s.commitOne(ctx, b); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}, o)
	if mongo.IsDuplicateKeyError(err) {
		return fmt.Errorf("%w: %w", errRace, err)
	}
	return err
}

// errRace: another node made a document of this transaction's after its snapshot, and the server says so by a
// duplicate key rather than a write conflict.
var errRace = errors.New("another node was faster")

func (s *Store) commitOne(ctx context.Context, b prepared) error {
	checkpoints := s.db.Collection("checkpoints")
	var old checkpoint
	err := checkpoints.FindOne(ctx, byID(b.key.String())).Decode(&old)
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return err
	}
	if int64(b.Token) < old.Token { // #nosec G115 -- positions and tokens stay below 2^63
		return fmt.Errorf("%w: %s, token %d after %d", readmodels.ErrFenced, b.key, b.Token, old.Token)
	}
	writes, err := s.withoutOlder(ctx, b)
	if err != nil {
		return err
	}
	if err := s.replace(ctx, b, writes, false); err != nil {
		return err
	}
	_, err = checkpoints.UpdateOne(ctx, byID(b.key.String()), bson.D{
		{Key: "$max", Value: bson.D{{Key: "position", Value: int64(b.Checkpoint)}}}, // #nosec G115 -- positions and tokens stay below 2^63
		{Key: "$set", Value: bson.D{{Key: "token", Value: int64(b.Token)}}},         // #nosec G115 -- positions and tokens stay below 2^63
	}, options.Update().SetUpsert(true))
	return err
}

// withoutOlder leaves out the writes that are older than what is stored.
func (s *Store) withoutOlder(ctx context.Context, b prepared) ([]write, error) {
	stored := make(map[string]int64, len(b.writes))
	v := &view{key: b.key}
	o := options.Find().SetProjection(bson.D{{Key: "position", Value: 1}})
	for chunk := range slices.Chunk(b.writes, getSize) {
		ids := make([]string, len(chunk))
		for i, w := range chunk {
			ids[i] = w.id
		}
		if err := s.each(ctx, v, byID(bson.D{{Key: "$in", Value: ids}}), o, func(raw bson.Raw) error {
			position, _ := raw.Lookup("position").AsInt64OK()
			stored[raw.Lookup("_id").StringValue()] = position
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(slices.Clone(b.writes), func(w write) bool {
		position, ok := stored[w.id]
		return ok && position > w.position
	}), nil
}
