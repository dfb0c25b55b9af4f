package sqlite

import (
	"context"
	"fmt"
	"time"

	"zhiping/readmodels"
)

// deadline is when a lease runs out. It is kept in memory: the file has one process, and no lease outlives it; the
// tokens, which must go on rising, are in the file.
type deadline struct {
	token uint64
	until time.Time
}

// Acquire implements readmodels.Leases.
func (s *Store) Acquire(ctx context.Context, name, owner string, ttl time.Duration) (token uint64, ok bool, err error) {
	if name == "" || owner == "" || ttl <= 0 {
		return 0, false, fmt.Errorf("%w: lease %q for %q, ttl %s", readmodels.ErrQuery, name, owner, ttl)
	}
	err = s.writing(ctx, func(w *conn) error {
		var holder string
		var last int64
		if _, err := w.one("SELECT owner, token FROM leases WHERE name = ?", []any{name}, &holder, &last); err != nil {
			return err
		}
		s.watch.Lock()
		held := s.leases[name]
		s.watch.Unlock()
		now := s.cfg.Now()
		if holder != "" && holder != owner && now.Before(held.until) {
			return nil
		}
		if _, err := w.exec("INSERT OR REPLACE INTO leases (name, owner, token) VALUES (?, ?, ?)", name, owner, last+1); err != nil {
			return err
		}
		s.watch.Lock()
		s.leases[name] = deadline{uint64(last + 1), now.Add(ttl)} // #nosec G115 -- stored positions and tokens are never negative
		s.watch.Unlock()
		token, ok = uint64(last+1), true // #nosec G115 -- stored positions and tokens are never negative
		return nil
	})
	if err != nil {
		return 0, false, err
	}
	return token, ok, nil
}

// Renew implements readmodels.Leases.
func (s *Store) Renew(ctx context.Context, name string, token uint64, ttl time.Duration) error {
	return s.writing(ctx, func(w *conn) error {
		held, err := holds(w, name, token)
		if err != nil {
			return err
		}
		if !held {
			return fmt.Errorf("%w: %s, token %d", readmodels.ErrLeaseLost, name, token)
		}
		s.watch.Lock()
		s.leases[name] = deadline{token, s.cfg.Now().Add(ttl)}
		s.watch.Unlock()
		return nil
	})
}

// Release implements readmodels.Leases.
func (s *Store) Release(ctx context.Context, name string, token uint64) error {
	return s.writing(ctx, func(w *conn) error {
		held, err := holds(w, name, token)
		if err != nil || !held {
			return err
		}
		_, err = w.exec("UPDATE leases SET owner = '' WHERE name = ?", name)
		return err
	})
}

func holds(w *conn, name string, token uint64) (bool, error) {
	return w.one("SELECT 1 FROM leases WHERE name = ? AND token = ? AND owner <> ''", []any{name, int64(token)}) // #nosec G115 -- positions and tokens stay below 2^63
}
