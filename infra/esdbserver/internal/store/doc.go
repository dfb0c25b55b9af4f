// Package store keeps streams of events in one SQLite file, with EventStoreDB's rules for expected revisions,
// idempotency, truncation and deletion. It knows nothing of gRPC; package esdbserver puts the protocol on top.
//
// # One writer
//
// All changes go through one goroutine. It takes what is waiting, runs it in one transaction, syncs once, and only
// then answers and wakes readers. Positions are handed out inside that transaction, so they become visible in
// order: no reader can pass a gap that is filled later.
//
// # Readers
//
// Reads take a connection from a small pool and run single statements, so no long-lived snapshot keeps the
// write-ahead log from being emptied. Callers page: a page is bounded in events and in bytes. The newest events
// are also kept in memory (tail.go), which is what live subscribers read.
//
// # Failures
//
// When a statement or the commit fails, the whole batch is rolled back, every waiting caller is told, and the
// connection and everything remembered about streams are thrown away and read again from the file.
package store
