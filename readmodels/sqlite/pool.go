package sqlite

import (
	"context"
	"errors"
	"fmt"

	"zhiping/readmodels"
)

// Close implements readmodels.Store. It waits for what is running; later calls answer ErrUnavailable.
func (s *Store) Close(ctx context.Context) error {
	var err error
	s.closing.Do(func() {
		close(s.closed)
		err = s.shutAll(ctx)
	})
	return err
}

// shutAll takes every connection back from those who use it and closes it; the writer last, which checkpoints.
func (s *Store) shutAll(ctx context.Context) error {
	var errs []error
	take := func(from chan *conn) {
		select {
		case c := <-from:
			errs = append(errs, c.Close())
			return
		default:
		}
		select {
		case c := <-from:
			errs = append(errs, c.Close())
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("close read store: %w", ctx.Err()))
		}
	}
	for range s.cfg.Readers {
		take(s.readers)
	}
	take(s.writer)
	return errors.Join(append(errs, s.lock.Close())...)
}

// shutConns closes the connections that nobody uses.
func (s *Store) shutConns() error {
	var errs []error
	for {
		select {
		case c := <-s.readers:
			errs = append(errs, c.Close())
		case c := <-s.writer:
			errs = append(errs, c.Close())
		default:
			return errors.Join(errs...)
		}
	}
}

func (s *Store) shut() error { return errors.Join(s.shutConns(), s.lock.Close()) }

// reading lends a reading connection to f, writing the writing one.
func (s *Store) reading(ctx context.Context, f func(*conn) error) error {
	return s.lend(ctx, s.readers, f)
}

func (s *Store) writing(ctx context.Context, f func(*conn) error) error {
	return s.lend(ctx, s.writer, func(c *conn) error {
		return c.tx("BEGIN IMMEDIATE", func() error { return f(c) }, c.commit)
	})
}

// ready tells why an operation cannot begin.
func (s *Store) ready(ctx context.Context) error {
	select {
	case <-s.closed:
		return fmt.Errorf("%w: the store is closed", readmodels.ErrUnavailable)
	default:
		return ctx.Err()
	}
}

func (s *Store) lend(ctx context.Context, from chan *conn, f func(*conn) error) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	select {
	case c := <-from:
		defer func() { from <- c }()
		return s.classify(f(c))
	case <-s.closed:
		return fmt.Errorf("%w: the store is closed", readmodels.ErrUnavailable)
	case <-ctx.Done():
		return ctx.Err()
	}
}
