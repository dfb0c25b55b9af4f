package store

import (
	"context"
	"database/sql/driver"
	"fmt"
	"os"
	"path/filepath"
)

// Report is what a check of a data directory found. It is sound when Faults is empty.
type Report struct {
	Streams  int64
	Events   int64
	Position int64    // of the newest event
	Faults   []string // at most maxFaults
}

const maxFaults = 100

func (r *Report) fault(format string, args ...any) {
	if len(r.Faults) < maxFaults {
		r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
	}
}

// Verify checks the file of a data directory, which a Store may have open: SQLite's own integrity check, that the
// revisions of every stream have no gaps, that positions grow with them, and that what is remembered of streams
// agrees with their events. It answers an error when it could not check, and faults in the report.
func Verify(ctx context.Context, dir string) (Report, error) {
	var r Report
	path := filepath.Join(dir, FileName)
	if _, err := os.Stat(path); err != nil {
		return r, fmt.Errorf("verify: %w", err)
	}
	c, err := openConn(path, "ro", "busy_timeout(5000)", "cache_size(-16384)")
	if err != nil {
		return r, fmt.Errorf("verify: open %s: %w", path, err)
	}
	// One read transaction, so that all checks see the same moment while a server writes.
	if err = c.exec("BEGIN"); err == nil {
		for _, check := range []func(context.Context, *conn) error{
			known, r.integrity, r.revisions, r.metadata,
		} {
			if err = check(ctx, c); err != nil {
				break
			}
		}
	}
	if closeErr := c.close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return r, fmt.Errorf("verify %s: %w", path, err)
	}
	return r, nil
}

// known refuses a file that this program cannot judge.
func known(_ context.Context, c *conn) error {
	v, err := version(c)
	if err == nil && v != schemaVersion {
		err = errVersion(v)
	}
	return err
}

func (r *Report) integrity(_ context.Context, c *conn) error {
	return c.all("PRAGMA integrity_check", func(row []driver.Value) (bool, error) {
		if text := asString(row[0]); text != "ok" {
			r.fault("integrity: %s", text)
		}
		return true, nil
	})
}

// revisions walks all events by stream and revision.
func (r *Report) revisions(ctx context.Context, c *conn) error {
	type state struct{ last int64 }
	known := map[int64]state{}
	err := c.all("SELECT id, last FROM streams", func(row []driver.Value) (bool, error) {
		known[asInt(row[0])] = state{last: asInt(row[1])}
		r.Streams++
		return true, ctx.Err()
	})
	if err != nil {
		return err
	}
	stream, last, position := int64(0), NoStream, int64(0)
	finish := func() {
		if stream == 0 {
			return
		}
		s, ok := known[stream]
		if !ok {
			r.fault("stream %d has events but is not known", stream)
		} else if s.last != last {
			r.fault("stream %d: last revision is recorded as %d but is %d", stream, s.last, last)
		}
		delete(known, stream)
	}
	err = c.all("SELECT stream, revision, position FROM events ORDER BY stream, revision", func(row []driver.Value) (bool, error) {
		id, revision, at := asInt(row[0]), asInt(row[1]), asInt(row[2])
		if id != stream {
			finish()
			stream, last, position = id, NoStream, 0
		}
		if revision != last+1 && revision != maxRevision {
			r.fault("stream %d: revision %d follows %d", id, revision, last)
		}
		if at <= position {
			r.fault("stream %d: revision %d has position %d, after %d", id, revision, at, position)
		}
		last, position = revision, at
		r.Events++
		r.Position = max(r.Position, at)
		if r.Events%4096 == 0 {
			return true, ctx.Err()
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	finish()
	for id, s := range known { // those without events
		if s.last != NoStream {
			r.fault("stream %d: last revision is recorded as %d but it has no events", id, s.last)
		}
	}
	return nil
}

// metadata compares what is remembered of each stream with the newest event of its metastream.
func (r *Report) metadata(ctx context.Context, c *conn) error {
	const query = `SELECT s.name, s.tb, s.max_count, s.max_age, e.data, e.json FROM streams m
		JOIN streams s ON s.name = substr(m.name, 3)
		JOIN events e ON e.stream = m.id AND e.revision = m.last
		WHERE m.name >= '$$' AND m.name < '$%'`
	return c.all(query, func(row []driver.Value) (bool, error) {
		var want Metadata
		if asInt(row[5]) != 0 {
			want = parseMetadata(asBytes(row[4]))
		}
		if want.TruncateBefore != asInt(row[1]) || want.MaxCount != asInt(row[2]) || want.MaxAge != asInt(row[3]) {
			r.fault("stream %q: its metadata is not what its newest metadata event says", asString(row[0]))
		}
		return true, ctx.Err()
	})
}
