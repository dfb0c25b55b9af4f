// Package notify tells people what offices decided, so that nobody has to look every day and no return passes
// unseen. It is a reaction: it runs on a persistent subscription of its own, which begins when the group is first
// made, and never in a projection, so that rebuilding views sends nothing again. It decides nothing and keeps nothing.
//
// The event store remembers what has been answered. A crash between sending and answering sends once more, under the
// same id, by which gateways recognise it. What a gateway refuses again and again is parked in the event store.
//
// To add a message: a case in Of, and its sentences message.<kind> and message.<kind>.subject in domain/text.
package notify
