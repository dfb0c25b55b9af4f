package limits

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// told is a count as MongoDB keeps it.
type told struct {
	Node   string    `bson:"node"`
	Limit  string    `bson:"limit"`
	Caller string    `bson:"caller"`
	Now    int       `bson:"now"`
	Before int       `bson:"before"`
	Since  int64     `bson:"since"` // in milliseconds
	At     time.Time `bson:"at,omitempty"`
}

// Tell implements Ledger.
func (s *Store) Tell(ctx context.Context, node string, counts []Count) error {
	writes := make([]mongo.WriteModel, len(counts))
	for i, c := range counts {
		writes[i] = mongo.NewUpdateOneModel().SetUpsert(true).SetFilter(bson.D{{Key: "_id", Value: node + " " + c.Limit + " " + c.Caller}}).SetUpdate(bson.D{
			{Key: "$set", Value: told{Node: node, Limit: c.Limit, Caller: c.Caller, Now: c.Now, Before: c.Before, Since: c.Since.Milliseconds()}},
			{Key: "$currentDate", Value: bson.D{{Key: "at", Value: true}}},
		})
	}
	if _, err := s.ledger.BulkWrite(ctx, writes, options.BulkWrite().SetOrdered(false)); err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	return nil
}

// Hear implements Ledger.
func (s *Store) Hear(ctx context.Context, node string, since time.Time, each func(node string, c Count, age time.Duration)) (time.Time, error) {
	var server struct {
		Now time.Time `bson:"localTime"`
	}
	if err := s.ledger.Database().RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&server); err != nil {
		return since, fmt.Errorf("limits: %w", err)
	}
	found, err := s.ledger.Find(ctx, bson.D{{Key: "at", Value: bson.D{{Key: "$gt", Value: from(since, server.Now)}}}, {Key: "node", Value: bson.D{{Key: "$ne", Value: node}}}})
	if err != nil {
		return since, fmt.Errorf("limits: %w", err)
	}
	defer found.Close(ctx) //nolint:errcheck // Err tells
	for found.Next(ctx) {
		var t told
		if err := found.Decode(&t); err != nil {
			return since, fmt.Errorf("limits: %w", err)
		}
		each(t.Node, Count{Limit: t.Limit, Caller: t.Caller, Now: t.Now, Before: t.Before, Since: time.Duration(t.Since) * time.Millisecond}, server.Now.Sub(t.At))
	}
	if err := found.Err(); err != nil {
		return since, fmt.Errorf("limits: %w", err)
	}
	return server.Now, nil
}

// Sweep implements Ledger: MongoDB removes what is old by itself.
func (*Store) Sweep(context.Context) error { return nil }
