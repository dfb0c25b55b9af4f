package projections

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"

	"zhiping/domain"
)

// Topic is what the projector subscribes to: all streams, in the order in which they were written.
const Topic = "$all"

// Feed is where events come from.
type Feed interface {
	// Subscriber makes a subscriber of Topic that delivers what is behind a position, in order and without gaps,
	// and goes on by itself when the connection is lost. Zero is the very beginning.
	Subscriber(after uint64) message.Subscriber
	// Open returns what a message of such a subscriber carries.
	Open(*message.Message) (Delivery, bool)
	// Decode reads what a delivery carries. It fails for what this program does not know, and will again.
	Decode(Stored) (domain.Recorded, error)
	// Outline is Decode without the event itself: what its metadata tells, for a part of the price. Data that Decode finds
	// corrupt passes.
	Outline(Stored) (domain.Recorded, error)
	// Head is the position of the last event there is.
	Head(ctx context.Context) (uint64, error)
}

// Delivery is what one message carries: events in order, as many as were there to be had.
type Delivery struct {
	Events []Stored
	// Position is up to where everything of interest has been delivered with this; 0 if that is not known.
	Position uint64
	// Live says that history is behind us: nothing older waits in the store.
	Live bool
}

// DecodeAll decodes events, by Decode or Outline of their feed, up to the first that cannot be.
func DecodeAll(events []Stored, decode func(Stored) (domain.Recorded, error)) ([]domain.Recorded, error) {
	out := make([]domain.Recorded, 0, len(events))
	for _, e := range events {
		r, err := decode(e)
		if err != nil {
			return out, err
		}
		out = append(out, r)
	}
	return out, nil
}
