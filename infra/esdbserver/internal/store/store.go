package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// FileName is the SQLite file inside the data directory.
const FileName = "events.sqlite"

// lockName is a second, empty SQLite file that is kept under an exclusive lock. SQLite's own locks work on every
// platform and vanish with the process, which a pid file does not.
const lockName = "events.lock"

// Options configure a Store. The zero value has sensible defaults.
type Options struct {
	// Readers is the number of reading connections. Default 6.
	Readers int
	// TailBytes bounds the newest events kept in memory. Default 16 MiB.
	TailBytes int
	// Now is the clock, for tests. Default time.Now.
	Now func() time.Time
	// Failed is called, from the writer, with every error that made a batch of writes fail. Optional.
	Failed func(error)
}

// Store is an open data directory. All methods are safe for concurrent use.
type Store struct {
	path    string
	opts    Options
	lock    *conn
	writer  *writer
	readers chan *reader
	tail    *tail
	hub     *hub
	head    atomic.Int64

	ops     chan *op
	closing chan struct{}
	once    sync.Once
	owned   sync.WaitGroup
	written chan struct{} // closed when the writer has ended
	full    chan struct{} // asks for a checkpoint
}

// Open opens or creates the store in a directory, which it creates too. It answers ErrLocked while somebody else
// has it open.
func Open(dir string, opts Options) (_ *Store, err error) {
	if opts.Readers <= 0 {
		opts.Readers = 6
	}
	if opts.TailBytes <= 0 {
		opts.TailBytes = 16 << 20
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Failed == nil {
		opts.Failed = func(error) {}
	}
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	// SQLite gives its other files the permissions of this one.
	if err := makePrivate(filepath.Join(dir, FileName)); err != nil {
		return nil, err
	}
	s := &Store{
		path: filepath.Join(dir, FileName), opts: opts, hub: newHub(),
		readers: make(chan *reader, opts.Readers), ops: make(chan *op, 1024),
		closing: make(chan struct{}), written: make(chan struct{}), full: make(chan struct{}, 1),
	}
	if s.lock, err = takeLock(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.lock.close())
		}
	}()
	w, err := openWriter(s)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", s.path, err)
	}
	for range opts.Readers {
		r, err := openReader(s.path)
		if err != nil {
			err = fmt.Errorf("open %s: %w", s.path, err)
			for len(s.readers) > 0 {
				err = errors.Join(err, (<-s.readers).close())
			}
			return nil, errors.Join(err, w.close())
		}
		s.readers <- r
	}
	s.head.Store(w.position)
	s.tail = newTail(opts.TailBytes, w.position)
	s.writer = w
	s.owned.Go(w.loop)
	s.owned.Go(s.checkpoints)
	return s, nil
}

// takeLock holds an exclusive SQLite transaction on the lock file for as long as the store is open.
func takeLock(dir string) (*conn, error) {
	c, err := openConn(filepath.Join(dir, lockName), "rwc", "busy_timeout(0)", "journal_mode(memory)")
	if err == nil {
		err = c.exec("BEGIN EXCLUSIVE")
	}
	switch {
	case err == nil:
		return c, nil
	case isBusy(err):
		err = fmt.Errorf("%w: %s", ErrLocked, dir)
	default:
		err = fmt.Errorf("lock %s: %w", dir, err)
	}
	if c != nil {
		err = errors.Join(err, c.close())
	}
	return nil, err
}

// Head is the position of the newest committed event, 0 when there is none.
func (s *Store) Head() int64 { return s.head.Load() }

// Watch returns a watch on one stream, or on everything when stream is empty. To miss nothing, watch first and
// read afterwards.
func (s *Store) Watch(stream string) *Watch { return s.hub.watch(stream) }

// Closing is closed when the store begins to close.
func (s *Store) Closing() <-chan struct{} { return s.closing }

// Close finishes the writes that are waiting, ends the store's goroutines and closes the file. It waits for reads
// under way. Further calls wait for the same end. The writer's connection is closed last: it alone can copy the log back
// into the file then, so that a closed store is one file.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closing)
		s.owned.Wait()
		readers := make([]*reader, 0, s.opts.Readers)
		for range s.opts.Readers {
			readers = append(readers, <-s.readers)
		}
		for _, r := range readers {
			err = errors.Join(err, r.close())
		}
		err = errors.Join(err, s.writer.close(), s.lock.close())
	})
	s.owned.Wait()
	return err
}

// makeDir creates a directory, if need be, so that a power loss cannot take it away with all that is synced in it.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncNames(filepath.Dir(dir))
}

// makePrivate creates a file, if need be, that only this user can read.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- a file of the data folder
	if err != nil {
		return err
	}
	return f.Close()
}

// checkpoints copies the write-ahead log back into the file in the background, so that appends do not wait for it.
func (s *Store) checkpoints() {
	for {
		select {
		case <-s.closing:
			return
		case <-s.full:
		}
		c, err := openConn(s.path, "rw", "busy_timeout(1000)", "synchronous(FULL)")
		if err == nil {
			err = errors.Join(c.exec("PRAGMA wal_checkpoint(PASSIVE)"), c.close())
		}
		if err != nil {
			s.opts.Failed(fmt.Errorf("checkpoint: %w", err))
		}
	}
}

// withReader lends a reading connection to f.
func (s *Store) withReader(ctx context.Context, f func(*reader) error) error {
	select {
	case <-s.closing:
		return ErrClosed
	default:
	}
	select {
	case r := <-s.readers:
		defer func() { s.readers <- r }()
		return f(r)
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return ErrClosed
	}
}

// isBusy recognises SQLITE_BUSY and SQLITE_LOCKED, which both mean that somebody else holds the lock.
func isBusy(err error) bool {
	var e interface{ Code() int }
	if !errors.As(err, &e) {
		return false
	}
	primary := e.Code() & 0xff
	return primary == 5 || primary == 6
}
