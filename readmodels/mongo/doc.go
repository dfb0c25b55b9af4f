// Package mongo keeps view documents in MongoDB: the read store of several nodes. It may import readmodels and the
// driver, nothing else of ours.
//
// Each version of a view is a collection of {_id, position, f, doc}: f holds the indexed fields, doc the document as
// its JSON says (times are the text that JSON has), so that both stores give back the same and people can read it.
// A deletion leaves {_id, position, gone}, so that an older put does not bring the document back. Beside them are
// views (declarations), checkpoints, live and leases.
//
// Where the deployment has multi-document transactions (a replica set or a sharded cluster; the server says which it
// is), a Commit is one. Elsewhere the documents go first, each refused by its own position if it is older than what
// is stored, and the checkpoints last: a commit that breaks off is completed by repeating it.
//
// Every operation may be repeated, and is while the connection is lost or a primary is being elected, with growing
// pauses and within Config.RetryFor; then it is readmodels.ErrUnavailable.
package mongo
