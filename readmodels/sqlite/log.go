package sqlite

import (
	"fmt"
	"os"
	"time"
)

// boundLog empties the write-ahead log when it has outgrown its limit. SQLite does so by itself as a rule, but only
// at a moment without readers, which may never come. The caller has the writer.
func (s *Store) boundLog(w *conn) {
	if s.commits++; s.commits%16 != 0 {
		return
	}
	info, err := os.Stat(s.cfg.Path + "-wal")
	if err != nil || info.Size() < s.logLimit {
		return
	}
	if err := s.emptyLog(w); err != nil {
		s.cfg.Logger.Warn("the read store's log could not be emptied", "bytes", info.Size(), "error", err)
	}
}

// readersPause bounds the wait for readers to finish; they are done within milliseconds but for an unbounded Count.
const readersPause = time.Second

// emptyLog copies the log into the file while others read, and then has the readers pause for the moment that it
// takes to begin the log anew.
func (s *Store) emptyLog(w *conn) error {
	if _, err := w.one("PRAGMA wal_checkpoint(PASSIVE)", nil); err != nil {
		return err
	}
	var taken []*conn
	defer func() {
		for _, c := range taken {
			s.readers <- c
		}
	}()
	timer := time.NewTimer(readersPause)
	defer timer.Stop()
	for len(taken) < s.cfg.Readers {
		select {
		case c := <-s.readers:
			taken = append(taken, c)
		case <-timer.C:
			return fmt.Errorf("%d of %d readers were still busy", s.cfg.Readers-len(taken), s.cfg.Readers)
		}
	}
	_, err := w.one("PRAGMA wal_checkpoint(TRUNCATE)", nil)
	return err
}
