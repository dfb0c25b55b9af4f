package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"zhiping/readmodels"
)

// Config says where the store is and how much it may use.
type Config struct {
	// Path of the database file; its directory is made, for this user alone, where missing.
	Path string
	// Readers is the number of reading connections; 0 means twice the processors, at least 4.
	Readers int
	// CacheMiB is the writer's page cache in MiB; 0 means 16. The driver's allocator takes twice as much.
	CacheMiB int
	// DocumentsMiB bounds the decoded documents that are kept, in MiB of the JSON they were made of (they take two to
	// four times as much); 0 means 16.
	DocumentsMiB int
	// Logger hears of a damaged file that was moved aside; nil means slog.Default.
	Logger *slog.Logger
	// Now is the clock of the leases; nil means time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() (Config, error) {
	if c.Path == "" || c.Readers < 0 || c.CacheMiB < 0 || c.DocumentsMiB < 0 {
		return c, fmt.Errorf("sqlite read store: path %q, readers %d, caches %d and %d MiB", c.Path, c.Readers, c.CacheMiB, c.DocumentsMiB)
	}
	if c.Readers == 0 {
		c.Readers = max(4, 2*runtime.GOMAXPROCS(0))
	}
	if c.CacheMiB == 0 {
		c.CacheMiB = 16
	}
	if c.DocumentsMiB == 0 {
		c.DocumentsMiB = 16
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}

// Store implements readmodels.Store. Safe for concurrent use; it runs no goroutine.
type Store struct {
	cfg  Config
	lock *conn
	docs *cache

	writer  chan *conn // holds the one writing connection
	readers chan *conn
	closed  chan struct{}
	// commits and logLimit keep the log bounded; guarded by having the writer.
	commits  int
	logLimit int64
	closing  sync.Once

	mu    sync.RWMutex
	views map[key]*view

	watch  sync.Mutex
	leases map[string]deadline
}

type key struct {
	name    string
	version int
}

var _ readmodels.Store = (*Store)(nil)

// New opens the file, or makes a fresh one where there is none or a damaged one. ErrInUse and ErrForeign are the
// errors that an operator can do something about.
func New(cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(cfg.Path), 0o700); err != nil {
		return nil, fmt.Errorf("sqlite read store: %w", err)
	}
	s := &Store{
		cfg: cfg, docs: newCache(cfg.DocumentsMiB << 20), writer: make(chan *conn, 1), readers: make(chan *conn, cfg.Readers),
		logLimit: 256 << 20, closed: make(chan struct{}), views: map[key]*view{}, leases: map[string]deadline{},
	}
	if s.lock, err = takeLock(cfg.Path + ".lock"); err != nil {
		return nil, err
	}
	if _, err := os.Stat(s.marker()); err == nil {
		err = s.moveAside(ErrDamaged)
		if err != nil {
			return nil, errors.Join(err, s.lock.Close())
		}
	}
	err = s.open()
	if damaged(err) {
		if err = s.moveAside(err); err == nil {
			err = s.open()
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", cfg.Path, err), s.shut())
	}
	return s, nil
}

// makePrivate makes an empty file for this user alone: SQLite would make it as readable as the process's mask allows.
// (It gives the log the file's own mode.) A file that is there is not opened: closing it would release the locks that
// another Store of this process holds on it.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // #nosec G304 -- a file of the data folder
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// takeLock holds an exclusive transaction on a file beside the store's for as long as the process lives: SQLite's
// own locks work on every platform and go with the process however it dies.
func takeLock(path string) (*conn, error) {
	if err := makePrivate(path); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	c, err := openConn(path, false, "journal_mode(MEMORY)")
	if err == nil {
		if _, err = c.exec("BEGIN EXCLUSIVE"); err == nil {
			return c, nil
		}
		_ = c.Close() // nothing was written
	}
	if code(err) == codeBusy {
		return nil, fmt.Errorf("%w (%s)", ErrInUse, path)
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

// busyTimeout is how long a connection waits for another one of ours, which at most ends a checkpoint of the WAL.
const busyTimeout = "busy_timeout(5000)"

func (s *Store) open() error {
	if err := makePrivate(s.cfg.Path); err != nil {
		return err
	}
	w, err := openConn(s.cfg.Path, false, busyTimeout, "journal_mode(WAL)", "synchronous(NORMAL)", "wal_autocheckpoint(16000)",
		"temp_store(MEMORY)", "journal_size_limit(134217728)", fmt.Sprintf("cache_size(-%d)", s.cfg.CacheMiB<<10))
	if err != nil {
		return err
	}
	if err := s.prepareFile(w); err != nil {
		return errors.Join(err, w.Close())
	}
	s.writer <- w
	for range s.cfg.Readers {
		r, err := openConn(s.cfg.Path, true, busyTimeout, "query_only(1)", "cache_size(-2048)")
		if err != nil {
			return err
		}
		s.readers <- r
	}
	return nil
}

// moveAside makes room for a fresh file and keeps the damaged one for whoever wants to know why.
func (s *Store) moveAside(why error) error {
	if err := s.shutConns(); err != nil {
		s.cfg.Logger.Warn("closing a damaged read store", "error", err)
	}
	aside := fmt.Sprintf("%s.damaged-%d", s.cfg.Path, time.Now().UnixMilli())
	if err := os.Rename(s.cfg.Path, aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("move the damaged read store aside: %w", err)
	}
	for _, f := range []string{s.cfg.Path + "-wal", s.cfg.Path + "-shm", s.marker()} {
		if err := os.Remove(f); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove what is left of the damaged read store: %w", err)
		}
	}
	s.cfg.Logger.Warn("the read store was damaged; starting with an empty one", "movedTo", aside, "error", why)
	return nil
}

func (s *Store) marker() string { return s.cfg.Path + ".damaged" }

// Ping implements readmodels.Store: the file is still there and answers.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := os.Stat(s.cfg.Path); err != nil {
		return fmt.Errorf("%w: the file of the read store is gone; restart to rebuild it: %w", readmodels.ErrUnavailable, err)
	}
	return s.reading(ctx, func(c *conn) error {
		_, err := c.one("SELECT 1", nil)
		return err
	})
}
