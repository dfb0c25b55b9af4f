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
	// Decode is the event that a delivery had beside this.
	Decode(Stored) (domain.Recorded, error)
	// Head is the position of the last event there is.
	Head(ctx context.Context) (uint64, error)
}

// Delivery is what one message carries: events in order, as many as were there to be had.
type Delivery struct {
	Events []domain.Recorded
	// Stored has the same events as they are stored. Without them history is folded in the order in which it comes.
	Stored []Stored
	// Position is up to where everything of interest has been delivered with this; 0 if that is not known.
	Position uint64
	// Live says that history is behind us: nothing older waits in the store.
	Live bool
	// Err says why there will be nothing more, such as an event type that this program does not know.
	Err error
}
