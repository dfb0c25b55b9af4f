// Package esdbserver is an event store in a directory: it speaks EventStoreDB's gRPC protocol, so that every
// official client works with it unchanged, and keeps its events in one SQLite file. It is what zhiping runs on
// when no cluster is configured. It imports nothing else of ours.
//
// The wire contract is that of EventStoreDB 23.10 (protos/*.proto of the official clients); the generated stubs of
// EventStore-Client-Go are the server's interface. Where a rule is not obvious from the protocol files, the comment
// at the code names the part of the official server (src/EventStore.Core) that sets it.
//
// # Layers
//
// internal/store knows streams, revisions and durability, and nothing of gRPC. This package translates: requests
// into store calls, refusals into the status codes and trailers that clients turn into typed errors. One file a
// part of the protocol: append, batch, read, subscribe, delete, persistent subscriptions (ps_*), features, gossip.
//
// # Reading and subscribing
//
// Everything that delivers events is one loop over paged reads; a commit only wakes it. So there is no switch from
// history to live that could skip or repeat an event, and a subscriber that does not read costs one page of memory:
// its loop waits in Send, and goes on reading from the file later.
//
// # Adding a call
//
// Implement the method on its service, translate errors with fail (errors.go), name it in features.go if clients
// look for it, and cover it in the tests through an official client.
package esdbserver
