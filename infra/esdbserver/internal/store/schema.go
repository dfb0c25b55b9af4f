package store

import (
	"database/sql/driver"
	"fmt"
)

// schemaVersion is kept in SQLite's user_version. A file of a newer version is refused.
const schemaVersion = 1

// schema: streams are interned, so that an event carries a small number and the indexes stay near each other for
// the events of one stream. last is the newest revision, -1 for none, maxRevision for a tombstone. The metadata
// columns repeat what the newest event of the metastream says, because every read needs it.
const schema = `
CREATE TABLE streams (
  id        INTEGER PRIMARY KEY,
  name      TEXT NOT NULL UNIQUE,
  last      INTEGER NOT NULL DEFAULT -1,
  tb        INTEGER NOT NULL DEFAULT 0,
  max_count INTEGER NOT NULL DEFAULT 0,
  max_age   INTEGER NOT NULL DEFAULT 0,
  acl       BLOB
);
CREATE TABLE events (
  position INTEGER PRIMARY KEY,
  stream   INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  id       BLOB NOT NULL,
  type     TEXT NOT NULL,
  json     INTEGER NOT NULL,
  created  INTEGER NOT NULL,
  data     BLOB,
  meta     BLOB
);
CREATE UNIQUE INDEX events_by_revision ON events (stream, revision);
CREATE INDEX events_by_id ON events (stream, id);
CREATE TABLE documents (
  name TEXT PRIMARY KEY,
  body BLOB NOT NULL
) WITHOUT ROWID;
`

// version reads the schema version of a file: 0 when it is new.
func version(c *conn) (int64, error) {
	var version int64
	err := c.all("PRAGMA user_version", func(row []driver.Value) (bool, error) {
		version = asInt(row[0])
		return false, nil
	})
	return version, err
}

func errVersion(version int64) error {
	return fmt.Errorf("file has schema version %d, this program knows %d", version, schemaVersion)
}

// migrate brings a file to the schema, or says why it cannot.
func migrate(c *conn) error {
	version, err := version(c)
	if err != nil {
		return err
	}
	switch version {
	case schemaVersion:
		return nil
	case 0:
		err := c.exec("BEGIN IMMEDIATE;" + schema + fmt.Sprintf("PRAGMA user_version = %d; COMMIT;", schemaVersion))
		if err != nil {
			return fmt.Errorf("create schema: %w", err)
		}
		return nil
	}
	return errVersion(version)
}
