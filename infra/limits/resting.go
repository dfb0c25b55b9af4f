package limits

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
)

// rest is how long a store that failed is left alone.
const rest = 5 * time.Second

// resting is a store that is not asked for a while once it failed: the limiter asks one request after the other, and none
// of them should wait for a database that is away. Meanwhile nothing is counted here.
type resting struct {
	fiber.Storage
	clock  func() time.Time
	until  atomic.Int64 // in milliseconds
	logger *slog.Logger
}

// Resting leaves a store alone for some seconds after each failure, and logs it. Safe for concurrent use.
func Resting(store fiber.Storage, clock func() time.Time, logger *slog.Logger) fiber.Storage {
	return &resting{Storage: store, clock: clock, logger: logger}
}

// Get implements fiber.Storage.
func (r *resting) Get(key string) (value []byte, err error) {
	err = r.unless(func() error { value, err = r.Storage.Get(key); return err })
	return value, err
}

// Set implements fiber.Storage.
func (r *resting) Set(key string, value []byte, life time.Duration) error {
	return r.unless(func() error { return r.Storage.Set(key, value, life) })
}

func (r *resting) unless(ask func() error) error {
	if r.clock().UnixMilli() < r.until.Load() {
		return nil
	}
	err := ask()
	if err != nil {
		r.until.Store(r.clock().Add(rest).UnixMilli())
		r.logger.Warn("sign-ins are counted by this node alone for a while: their shared counts cannot be reached", "error", err)
	}
	return err
}
