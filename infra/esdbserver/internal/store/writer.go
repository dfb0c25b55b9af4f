package store

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	maxBatchOps   = 1024
	maxBatchBytes = 8 << 20
	// cachedStreams is how many streams the writer remembers. One operation touches three streams at most, so a
	// batch can never push out a stream that it has changed itself and not written yet.
	cachedStreams = 1 << 15
	// walSoft asks for a background checkpoint, walHard makes the writer do it: a log that is never completely
	// copied back, because appends go on meanwhile, would grow for ever.
	walSoft = 16 << 20
	walHard = 96 << 20
)

// op is one change, waiting for the writer. apply answers a refusal as an error and must not have written
// anything then; errors of the file go through tx.fail.
type op struct {
	ctx   context.Context
	size  int
	apply func(*tx) error
	err   error
	done  chan struct{}
}

// submit hands a change to the writer and waits until it is durable. When ctx ends first, the outcome is unknown.
func (s *Store) submit(ctx context.Context, size int, apply func(*tx) error) error {
	o, err := s.enqueue(ctx, size, apply)
	if err != nil {
		return err
	}
	return s.wait(o)
}

// enqueue puts a change in line: changes are applied in the order in which they were enqueued.
func (s *Store) enqueue(ctx context.Context, size int, apply func(*tx) error) (*op, error) {
	o := &op{ctx: ctx, size: size, apply: apply, done: make(chan struct{})}
	select {
	case <-s.closing:
		return nil, ErrClosed
	default:
	}
	select {
	case s.ops <- o:
		return o, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.closing:
		return nil, ErrClosed
	}
}

func (s *Store) wait(o *op) error {
	select {
	case <-o.done:
		return o.err
	case <-o.ctx.Done():
		return o.ctx.Err()
	case <-s.written:
		select {
		case <-o.done:
			return o.err
		default:
			return ErrClosed
		}
	}
}

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
		"wal_autocheckpoint(0)", "cache_size(-32768)", "journal_size_limit(67108864)", "temp_store(MEMORY)")
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

// statements are the writer's prepared statements.
type statements struct {
	begin, commit, rollback              *stmt
	newest, newestStream                 *stmt
	stream, insertStream, updateStream   *stmt
	insert, byID, byRevision, lastInMeta *stmt
	putDocument, dropDocument            *stmt
}

func prepareAll(c *conn) (q statements, err error) {
	for sql, to := range map[string]**stmt{
		"BEGIN IMMEDIATE": &q.begin, "COMMIT": &q.commit, "ROLLBACK": &q.rollback,
		"SELECT position, created FROM events ORDER BY position DESC LIMIT 1":                                             &q.newest,
		"SELECT coalesce(max(id), 0) FROM streams":                                                                        &q.newestStream,
		selectStream + " WHERE name = ?":                                                                                  &q.stream,
		"INSERT INTO streams (id, name, last, tb, max_count, max_age, acl) VALUES (?,?,?,?,?,?,?)":                        &q.insertStream,
		"UPDATE streams SET last = ?, tb = ?, max_count = ?, max_age = ?, acl = ? WHERE id = ?":                           &q.updateStream,
		"INSERT INTO events (position, stream, revision, id, type, json, created, data, meta) VALUES (?,?,?,?,?,?,?,?,?)": &q.insert,
		"SELECT revision, position FROM events WHERE stream = ? AND id = ? ORDER BY revision DESC LIMIT 1":                &q.byID,
		"SELECT id, position FROM events WHERE stream = ? AND revision = ?":                                               &q.byRevision,
		"SELECT data FROM events WHERE stream = ? AND revision = ?":                                                       &q.lastInMeta,
		"INSERT OR REPLACE INTO documents (name, body) VALUES (?, ?)":                                                     &q.putDocument,
		"DELETE FROM documents WHERE name = ?":                                                                            &q.dropDocument,
	} {
		if *to, err = c.prepare(sql); err != nil {
			return q, errors.Join(err, q.close())
		}
	}
	return q, nil
}

func (q *statements) close() error {
	var errs []error
	for _, s := range []*stmt{
		q.begin, q.commit, q.rollback, q.newest, q.newestStream, q.stream, q.insertStream, q.updateStream,
		q.insert, q.byID, q.byRevision, q.lastInMeta, q.putDocument, q.dropDocument,
	} {
		if s != nil {
			errs = append(errs, s.close())
		}
	}
	return errors.Join(errs...)
}
