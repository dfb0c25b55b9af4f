package store

import (
	"errors"
	"fmt"
	"os"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	maxBatchOps   = 1024
	maxBatchBytes = 8 << 20
	// cachedStreams is how many streams the writer remembers. A batch touches a few thousand at most, so a
	// batch can never push out a stream that it has changed itself and not written yet.
	cachedStreams = 1 << 15
	// walSoft asks for a background checkpoint, walHard makes the writer do it: a log that is never completely
	// copied back, because appends go on meanwhile, would grow for ever.
	walSoft = 16 << 20
	walHard = 96 << 20
)

// writer owns the only connection that changes the file.
type writer struct {
	s        *Store
	conn     *conn // nil after a failure, until it is opened again
	sql      statements
	position int64 // last one given out and committed
	created  int64 // creation time of the newest event
	streamID int64
	cache    *simplelru.LRU[string, *Stream]
	unsynced int // estimate of bytes logged since the last request for a checkpoint
}

func openWriter(s *Store) (*writer, error) {
	cache, err := simplelru.NewLRU[string, *Stream](cachedStreams, nil)
	if err != nil {
		return nil, err
	}
	w := &writer{s: s, cache: cache}
	if err := w.open("rwc"); err != nil {
		return nil, err
	}
	return w, nil
}

// open connects and reads where the store stands. After a failure it is called again: what the file says is then
// the truth, whatever was in memory.
func (w *writer) open(mode string) (err error) {
	c, err := openConn(w.s.path, mode, "busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)",
		"wal_autocheckpoint(0)", "cache_size(-16384)", "journal_size_limit(67108864)", "temp_store(MEMORY)")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	if err := migrate(c); err != nil {
		return err
	}
	if w.sql, err = prepareAll(c); err != nil {
		return err
	}
	row, err := w.sql.newest.one()
	if err != nil {
		return err
	}
	w.position, w.created = 0, 0
	if row != nil {
		w.position, w.created = asInt(row[0]), asInt(row[1])
	}
	if row, err = w.sql.newestStream.one(); err != nil {
		return err
	}
	w.streamID = asInt(row[0])
	w.cache.Purge()
	w.conn = c
	return nil
}

func (w *writer) close() error {
	if w.conn == nil {
		return nil
	}
	c := w.conn
	w.conn = nil
	return errors.Join(w.sql.close(), c.close())
}

// loop runs until the store closes and nothing is waiting any more.
func (w *writer) loop() {
	defer close(w.s.written)
	var batch []*op
	for {
		batch = batch[:0]
		select {
		case o := <-w.s.ops:
			batch = append(batch, o)
		case <-w.s.closing:
			select {
			case o := <-w.s.ops:
				batch = append(batch, o)
			default:
				return
			}
		}
		batch = w.gather(batch)
		w.run(batch)
		for _, o := range batch {
			close(o.done)
		}
		clear(batch)
	}
}

// gather adds what else is waiting: they all share one sync.
func (w *writer) gather(batch []*op) []*op {
	bytes := batch[0].size
	for len(batch) < maxBatchOps && bytes < maxBatchBytes {
		select {
		case o := <-w.s.ops:
			batch = append(batch, o)
			bytes += o.size
		default:
			return batch
		}
	}
	return batch
}

// run executes a batch in one transaction. Either all its accepted changes are durable, or all are refused.
func (w *writer) run(batch []*op) {
	t, err := w.transact(batch)
	if err != nil {
		w.s.opts.Failed(err)
		for _, o := range batch {
			o.err = fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if err := w.close(); err != nil {
			w.s.opts.Failed(fmt.Errorf("close after failure: %w", err))
		}
		return
	}
	if len(t.events) > 0 {
		w.position, w.created = t.position, t.created
		w.s.tail.add(t.events)
		w.s.head.Store(t.position)
		w.s.hub.publish(t.events)
	}
	w.checkpoint(t.bytes)
}

func (w *writer) transact(batch []*op) (*tx, error) {
	if w.conn == nil {
		if err := w.open("rw"); err != nil {
			return nil, fmt.Errorf("open again: %w", err)
		}
	}
	if err := w.sql.begin.exec(); err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	t := newTx(w)
	for _, o := range batch {
		if o.err = o.ctx.Err(); o.err == nil {
			o.err = o.apply(t)
		}
		if t.failed != nil {
			return nil, errors.Join(t.failed, w.sql.rollback.exec())
		}
	}
	if err := t.flush(); err != nil {
		return nil, errors.Join(fmt.Errorf("write streams: %w", err), w.sql.rollback.exec())
	}
	if err := w.sql.commit.exec(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return t, nil
}

// checkpoint keeps the write-ahead log from growing without end.
func (w *writer) checkpoint(bytes int) {
	if w.unsynced += bytes; w.unsynced < walSoft {
		return
	}
	w.unsynced = 0
	if info, err := os.Stat(w.s.path + "-wal"); err == nil && info.Size() > walHard {
		// Passive even so: it never waits for readers, of which a backup is a long one. Since nobody appends
		// meanwhile, it completes, and SQLite begins the log anew with the next write.
		if err := w.conn.exec("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
			w.s.opts.Failed(fmt.Errorf("checkpoint: %w", err))
		}
		return
	}
	select {
	case w.s.full <- struct{}{}:
	default:
	}
}
