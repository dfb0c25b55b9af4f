// Package limits keeps the counts of rate limits where all nodes see them: in the PostgreSQL of the accounts, or in the
// MongoDB of the views. One node by itself counts in memory and needs nothing of this. The package may import the drivers
// and nothing of ours.
//
// There are two ways, because they pay differently. A sign-in is counted in the database itself before it goes on
// (fiber.Storage): it is slow anyway, and whoever tries passwords must not gain by asking every node within one second. Any
// other request would wait longer for that than for its answer, so those are counted by each node, and the nodes tell one
// another in the background (Exchange). No library was found that does the second: those that are kept up ask a database for
// each request (throttled, ulule/limiter) or are a service of their own (gubernator); RussellLuo/slidingwindow, which counts
// in the background, has a goroutine a caller, Redis only, and rests since 2020.
package limits

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"
)

// patience bounds every operation: a limit that cannot be read in time does not limit, because turning everybody away
// would be what an attacker wants.
const patience = 500 * time.Millisecond

// Store implements fiber.Storage and Ledger in MongoDB. Of sign-ins, two nodes that count at the same moment may lose one of the two counts, which makes
// the limit a little wider. Safe for concurrent use.
type Store struct {
	client *mongo.Client
	counts *mongo.Collection // of sign-ins
	ledger *mongo.Collection
	clock  func() time.Time
}

var (
	_ fiber.Storage = (*Store)(nil)
	_ Ledger        = (*Store)(nil)
)

type count struct {
	Key     string    `bson:"_id"`
	Value   []byte    `bson:"value"`
	Expires time.Time `bson:"expires"`
}

// Open connects, and has MongoDB remove what has expired. A server that is away is no error yet.
func Open(ctx context.Context, uri, database string, clock func() time.Time) (*Store, error) {
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(uri).SetServerSelectionTimeout(patience))
	if err != nil {
		return nil, fmt.Errorf("limits: %w", err)
	}
	s := &Store{
		client: client, clock: clock, counts: client.Database(database).Collection("limits"),
		// A count that one member loses is told again within moments: nobody has to wait for the others.
		ledger: client.Database(database).Collection("request_counts", options.Collection().SetWriteConcern(writeconcern.W1())),
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	// Without the indexes expired counts stay, and are not looked at: so a failure is no reason not to start.
	_ = expire(ctx, s.counts, "expires", 0)
	_ = expire(ctx, s.ledger, "at", int32(lasting/time.Second))
	return s, nil
}

// expire has MongoDB remove documents so many seconds after the time in a field.
func expire(ctx context.Context, c *mongo.Collection, field string, seconds int32) error {
	_, err := c.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: field, Value: 1}}, Options: options.Index().SetExpireAfterSeconds(seconds)})
	return err
}

// Get implements fiber.Storage: nil for what is not there or has expired.
func (s *Store) Get(key string) ([]byte, error) {
	ctx, cancel := within()
	defer cancel()
	var c count
	err := s.counts.FindOne(ctx, bson.D{{Key: "_id", Value: key}}).Decode(&c)
	if errors.Is(err, mongo.ErrNoDocuments) || err == nil && !c.Expires.IsZero() && !s.clock().Before(c.Expires) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("limits: %w", err)
	}
	return c.Value, nil
}

// Set implements fiber.Storage.
func (s *Store) Set(key string, value []byte, life time.Duration) error {
	if key == "" || len(value) == 0 {
		return nil
	}
	c := count{Key: key, Value: value}
	if life > 0 {
		c.Expires = s.clock().Add(life).UTC()
	}
	ctx, cancel := within()
	defer cancel()
	_, err := s.counts.ReplaceOne(ctx, bson.D{{Key: "_id", Value: key}}, c, options.Replace().SetUpsert(true))
	if err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	return nil
}

// Delete implements fiber.Storage.
func (s *Store) Delete(key string) error {
	ctx, cancel := within()
	defer cancel()
	if _, err := s.counts.DeleteOne(ctx, bson.D{{Key: "_id", Value: key}}); err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	return nil
}

// Reset implements fiber.Storage.
func (s *Store) Reset() error {
	ctx, cancel := within()
	defer cancel()
	if _, err := s.counts.DeleteMany(ctx, bson.D{}); err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	return nil
}

// Close implements fiber.Storage.
func (s *Store) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return s.client.Disconnect(ctx)
}
