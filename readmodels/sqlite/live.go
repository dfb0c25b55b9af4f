package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"

	"zhiping/readmodels"
)

// Drop implements readmodels.Store.
func (s *Store) Drop(ctx context.Context, name string, version int) error {
	k := key{name, version}
	return s.writing(ctx, func(w *conn) error {
		v, err := loadView(w, k)
		if err != nil || v == nil {
			return err
		}
		w.forget() // prepared statements would keep the table alive for the planner
		for _, sql := range []string{"DROP TABLE " + v.table(), "DROP TABLE " + v.gone()} {
			if _, err := w.exec(sql); err != nil {
				return err
			}
		}
		for _, table := range []string{"views", "checkpoints"} {
			if _, err := w.exec("DELETE FROM "+table+" WHERE name = ? AND version = ?", name, version); err != nil {
				return err
			}
		}
		s.mu.Lock()
		delete(s.views, k)
		s.mu.Unlock()
		return nil
	})
}

// Live implements readmodels.Store.
func (s *Store) Live(ctx context.Context, name string) (version int, ok bool, err error) {
	err = s.reading(ctx, func(c *conn) error {
		return c.query(context.Background(), func(v []driver.Value) error {
			n, _ := v[0].(int64)
			version, ok = int(n), true
			return nil
		}, "SELECT version FROM live WHERE name = ?", name)
	})
	return version, ok, err
}

// SetLive implements readmodels.Store.
func (s *Store) SetLive(ctx context.Context, name string, version int, token uint64) error {
	return s.writing(ctx, func(w *conn) error {
		if _, err := s.view(w, name, version); err != nil {
			return err
		}
		var seen int64
		if _, err := w.one("SELECT token FROM live WHERE name = ?", []any{name}, &seen); err != nil {
			return err
		}
		if token < uint64(seen) { // #nosec G115 -- stored positions and tokens are never negative
			return fmt.Errorf("%w: %s, token %d after %d", readmodels.ErrFenced, name, token, seen)
		}
		_, err := w.exec("INSERT OR REPLACE INTO live (name, version, token) VALUES (?, ?, ?)", name, version, int64(token)) // #nosec G115 -- positions and tokens stay below 2^63
		return err
	})
}
