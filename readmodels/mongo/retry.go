package mongo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/x/mongo/driver/topology"

	"zhiping/readmodels"
)

// Pauses between tries: they double from the first to the last, each shortened by up to a half at random, so that
// the nodes of an installation do not all come back at once.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
)

// retry runs an operation that may be repeated until it succeeds, fails for good, or the time is up.
func (s *Store) retry(ctx context.Context, op func(context.Context) error) error {
	return s.retryEach(ctx, s.cfg.AttemptTimeout, op)
}

// retryEach is retry with a time for each try, for what takes longer than a read.
func (s *Store) retryEach(ctx context.Context, each time.Duration, op func(context.Context) error) error {
	deadline := time.Now().Add(s.cfg.RetryFor)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if err := s.open(); err != nil {
			return err
		}
		attempt, cancel := context.WithTimeout(ctx, each)
		err := op(attempt)
		cancel()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case !transient(err):
			return err
		}
		wait := pause - rand.N(pause/2) // #nosec G404 -- jitter, not a secret
		if time.Now().Add(wait).After(deadline) {
			return fmt.Errorf("%w: %w", readmodels.ErrUnavailable, err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// passing are the server's error codes for a state that passes: elections, shut-downs, stepping down, moving shards.
var passing = []int{
	6, 7, 89, 91, 133, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436,
	13388, 234, 11601, 50, 112, 251, 202,
}

// transient tells whether a later try may succeed.
func transient(err error) bool {
	if errors.Is(err, errRace) || errors.Is(err, context.DeadlineExceeded) || mongo.IsNetworkError(err) || mongo.IsTimeout(err) {
		return true
	}
	var selection topology.ServerSelectionError
	if errors.As(err, &selection) || errors.Is(err, mongo.ErrClientDisconnected) {
		return true
	}
	var labeled mongo.LabeledError
	if errors.As(err, &labeled) {
		for _, label := range []string{"RetryableWriteError", "TransientTransactionError", "UnknownTransactionCommitResult"} {
			if labeled.HasErrorLabel(label) {
				return true
			}
		}
	}
	var server mongo.ServerError
	if errors.As(err, &server) {
		return slices.ContainsFunc(passing, server.HasErrorCode)
	}
	return false
}
