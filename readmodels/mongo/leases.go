package mongo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"zhiping/readmodels"
)

// lease is a lease as it is stored. No time is in it: the beat changes with every renewal, and whoever wants the
// lease watches the beat by its own clock, so that the nodes' clocks need not agree.
type lease struct {
	ID    string        `bson:"_id"`
	Owner string        `bson:"owner"`
	Token int64         `bson:"token"`
	Beat  int64         `bson:"beat"`
	TTL   time.Duration `bson:"ttl"` // nanoseconds
}

// sighting is the last change of a lease that this process saw, and when.
type sighting struct {
	token, beat int64
	at          time.Time
}

// Acquire implements readmodels.Leases.
func (s *Store) Acquire(ctx context.Context, name, owner string, ttl time.Duration) (token uint64, ok bool, err error) {
	if name == "" || owner == "" || ttl <= 0 {
		return 0, false, fmt.Errorf("%w: lease %q for %q, ttl %s", readmodels.ErrQuery, name, owner, ttl)
	}
	err = s.retry(ctx, func(ctx context.Context) error {
		token, ok = 0, false
		c := s.db.Collection("leases")
		var old lease
		err := c.FindOne(ctx, byID(name)).Decode(&old)
		if errors.Is(err, mongo.ErrNoDocuments) {
			_, err := c.InsertOne(ctx, lease{ID: name, Owner: owner, Token: 1, TTL: ttl})
			if mongo.IsDuplicateKeyError(err) {
				return nil // somebody else was faster, or our own first try came through: the next call tells
			}
			token, ok = 1, err == nil
			return err
		}
		if err != nil {
			return err
		}
		if old.Owner != "" && old.Owner != owner && !s.ranOut(old) {
			return nil
		}
		// The old token and beat are a condition, so that of those who race here one wins, and a renewal does too.
		result, err := c.UpdateOne(ctx,
			bson.D{{Key: "_id", Value: name}, {Key: "token", Value: old.Token}, {Key: "beat", Value: old.Beat}, {Key: "owner", Value: old.Owner}},
			bson.D{{Key: "$set", Value: bson.D{
				{Key: "owner", Value: owner}, {Key: "token", Value: old.Token + 1},
				{Key: "beat", Value: int64(0)}, {Key: "ttl", Value: int64(ttl)},
			}}})
		if err != nil {
			return err
		}
		if result.MatchedCount == 1 {
			token, ok = uint64(old.Token+1), true // #nosec G115 -- stored positions and tokens are never negative
		}
		return nil
	})
	if err != nil {
		return 0, false, fmt.Errorf("acquire %s: %w", name, err)
	}
	return token, ok, nil
}

// ranOut tells whether the lease has stayed as it is for its whole ttl while this process watched.
func (s *Store) ranOut(l lease) bool {
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	last, ok := s.seen[l.ID]
	if !ok || last.token != l.Token || last.beat != l.Beat {
		s.seen[l.ID] = sighting{l.Token, l.Beat, now}
		return false
	}
	return now.Sub(last.at) >= l.TTL
}

// Renew implements readmodels.Leases.
func (s *Store) Renew(ctx context.Context, name string, token uint64, ttl time.Duration) error {
	return s.change(ctx, name, token, bson.D{
		{Key: "$inc", Value: bson.D{{Key: "beat", Value: int64(1)}}},
		{Key: "$set", Value: bson.D{{Key: "ttl", Value: int64(ttl)}}},
	})
}

// Release implements readmodels.Leases.
func (s *Store) Release(ctx context.Context, name string, token uint64) error {
	err := s.change(ctx, name, token, bson.D{{Key: "$set", Value: bson.D{{Key: "owner", Value: ""}}}})
	if errors.Is(err, readmodels.ErrLeaseLost) {
		return nil
	}
	return err
}

func (s *Store) change(ctx context.Context, name string, token uint64, update bson.D) error {
	return s.retry(ctx, func(ctx context.Context) error {
		result, err := s.db.Collection("leases").UpdateOne(ctx, bson.D{
			{Key: "_id", Value: name}, {Key: "token", Value: int64(token)}, {Key: "owner", Value: bson.D{{Key: "$ne", Value: ""}}}, // #nosec G115 -- positions and tokens stay below 2^63
		}, update)
		if err != nil {
			return fmt.Errorf("lease %s: %w", name, err)
		}
		if result.MatchedCount == 0 {
			return fmt.Errorf("%w: %s, token %d", readmodels.ErrLeaseLost, name, token)
		}
		return nil
	})
}
