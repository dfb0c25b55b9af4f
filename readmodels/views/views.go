// Package views holds the documents that queries read, one file a view, and says which fields each is found by.
// Documents are what projections fold and what the HTTP edge renders; they are shared between readers, so nobody
// changes one that came out of a store. Renaming a view, or what a JSON field means, needs a new Version: the
// projector then builds it anew beside the old one.
package views

import (
	"time"

	"zhiping/domain"
)

// Actor is who did something, as audit trails and timelines name them.
type Actor struct {
	ID           string              `json:"id"`
	Name         string              `json:"name"`
	Role         domain.Role         `json:"role"`
	Organization domain.Organization `json:"organization,omitzero"`
}

// ActorOf reads the actor from an event's metadata.
func ActorOf(e domain.Recorded) Actor {
	return Actor{ID: e.Meta.Actor, Name: e.Meta.ActorName, Role: e.Meta.Role, Organization: e.Meta.Organization}
}

// Micros is how times are indexed: microseconds since 1970, which int64 orders as time does.
func Micros(t time.Time) int64 { return t.UnixMicro() }
