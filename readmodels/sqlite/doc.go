// Package sqlite keeps view documents in one SQLite file: the read store of a single node. It may import readmodels
// and the driver, nothing else of ours.
//
// One process owns the file (a second one is refused), one connection writes, a pool of others reads. Each version
// of a view is a table: id, position, a column for each indexed field, and the document as JSON. All batches of a
// Commit and their checkpoints are one transaction. Commits are not synced one by one, since views are rebuilt from
// the events: a power cut may lose the last of them, and the checkpoint with them, never one without the other.
//
// A file that is damaged is moved aside on the next start, logged, and replaced by an empty one, so that the
// projector builds the views anew.
package sqlite
