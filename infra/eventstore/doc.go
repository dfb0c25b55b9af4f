// Package eventstore puts EventStoreDB behind the ports of this program: Client is the commands' event store,
// Subscriber and Publisher are its Watermill pub/sub, and Codec turns events of ours into stored JSON and back,
// through upcasters. It may import domain, and commands and projections for the ports that it implements.
//
// To add an event, add it to its aggregate's list of domain.EventType; nothing changes here.
//
// # Connections
//
// EventStore-Client-Go closes itself for good when a discovery has used up its attempts, and a caller that waits
// for that client's connection then never returns. So nobody here holds a client of that package: conn.go lends
// one out, retires it when a call tells that the peer is gone, and makes another, with backoff. Commands and
// subscriptions use two of them, because long subscriptions and short calls would otherwise share one
// flow-control window.
package eventstore
