package store

import "errors"

// statements are the writer's prepared statements.
type statements struct {
	begin, commit, rollback              *stmt
	newest, newestStream                 *stmt
	stream, insertStream, updateStream   *stmt
	insert, byID, byRevision, lastInMeta *stmt
	putDocument, dropDocument            *stmt
}

// sources maps each statement's SQL to where it is kept. No plan may scan a table or walk further than its answer: a test asks.
func (q *statements) sources() map[string]**stmt {
	return map[string]**stmt{
		// The plus keeps the planner off the index by revision, along which it would walk the whole stream for a new id.
		"BEGIN IMMEDIATE": &q.begin, "COMMIT": &q.commit, "ROLLBACK": &q.rollback,
		"SELECT position, created FROM events ORDER BY position DESC LIMIT 1":                                             &q.newest,
		"SELECT coalesce(max(id), 0) FROM streams":                                                                        &q.newestStream,
		selectStream + " WHERE name = ?":                                                                                  &q.stream,
		"INSERT INTO streams (id, name, last, tb, max_count, max_age, acl) VALUES (?,?,?,?,?,?,?)":                        &q.insertStream,
		"UPDATE streams SET last = ?, tb = ?, max_count = ?, max_age = ?, acl = ? WHERE id = ?":                           &q.updateStream,
		"INSERT INTO events (position, stream, revision, id, type, json, created, data, meta) VALUES (?,?,?,?,?,?,?,?,?)": &q.insert,
		"SELECT revision, position FROM events WHERE stream = ? AND id = ? ORDER BY +revision DESC LIMIT 1":               &q.byID,
		"SELECT id, position FROM events WHERE stream = ? AND revision = ?":                                               &q.byRevision,
		"SELECT data FROM events WHERE stream = ? AND revision = ?":                                                       &q.lastInMeta,
		"INSERT OR REPLACE INTO documents (name, body) VALUES (?, ?)":                                                     &q.putDocument,
		"DELETE FROM documents WHERE name = ?":                                                                            &q.dropDocument,
	}
}

func prepareAll(c *conn) (q statements, err error) {
	for sql, to := range q.sources() {
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
