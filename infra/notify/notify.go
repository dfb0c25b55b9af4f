package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"zhiping/domain"
	"zhiping/infra/eventstore"
)

// Group names the persistent subscription on $all. Renaming it forgets what was sent, and begins anew from then on.
const Group = "notifications"

// ErrNobody says that there is nobody to tell: the account is gone or disabled, or has no address.
var ErrNobody = errors.New("notify: nobody to tell")

// People tells people things; it knows where they can be reached. Safe for concurrent use.
type People interface {
	// Tell returns when a gateway has taken the message, and answers ErrNobody where trying again is pointless.
	Tell(ctx context.Context, m Message) error
}

// Streams reads streams; commands.EventStore does.
type Streams interface {
	Read(ctx context.Context, stream string, from uint64) ([]domain.Recorded, error)
}

// Outcome is how an attempt to tell somebody went.
type Outcome string

// The outcomes. A failed one is tried again until the event store parks it.
const (
	Sent   Outcome = "sent"
	Nobody Outcome = "nobody"
	Failed Outcome = "failed"
)

// Config is what a Notifier is made of; all is required.
type Config struct {
	Streams Streams
	People  People
	// Observe is told of each attempt. It must not block.
	Observe func(kind string, o Outcome)
	// Pause is how long after the first failure a message is tried again; each further one doubles it, up to a minute.
	Pause  time.Duration
	Logger *slog.Logger
}

// Notifier handles the messages of a subscription to Types. Safe for concurrent use.
type Notifier struct{ cfg Config }

// New makes a Notifier; it does nothing yet.
func New(cfg Config) *Notifier { return &Notifier{cfg: cfg} }

// Run handles what the subscriber delivers until ctx ends, which is no error.
func (n *Notifier) Run(ctx context.Context, sub message.Subscriber) error {
	logger := watermill.NewSlogLoggerWithLevelMapping(n.cfg.Logger, map[slog.Level]slog.Level{slog.LevelInfo: slog.LevelDebug})
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: 10 * time.Second}, logger)
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	router.AddMiddleware(middleware.Recoverer, middleware.CorrelationID)
	router.AddConsumerHandler(Group, eventstore.AllStreams, sub, n.handle)
	if err := router.Run(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}

// handle sends what one event gives rise to. An error hands the message back to the event store, after a pause that
// grows with each attempt: a gateway that is away should find what it missed when it comes back.
func (n *Notifier) handle(m *message.Message) error {
	ctx := m.Context()
	kind, outcome, err := n.tell(ctx, m)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if kind != "" {
		n.cfg.Observe(kind, outcome)
	}
	if err == nil {
		return nil
	}
	retries, _ := strconv.Atoi(m.Metadata[eventstore.KeyRetries]) // 0 for none
	pause := min(n.cfg.Pause<<min(retries, 10), time.Minute)
	n.cfg.Logger.WarnContext(ctx, "somebody could not be told, will try again", "event", m.UUID, "kind", kind, "attempt", retries+1, "pause", pause, "error", err)
	select {
	case <-time.After(pause):
	case <-ctx.Done():
	}
	return err
}

func (n *Notifier) tell(ctx context.Context, m *message.Message) (kind string, o Outcome, err error) {
	stream := m.Metadata[eventstore.KeyStream]
	revision, err := strconv.ParseUint(m.Metadata[eventstore.KeyRevision], 10, 64)
	if err != nil {
		return "", Failed, fmt.Errorf("notify: revision of %s: %w", stream, err)
	}
	events, err := n.cfg.Streams.Read(ctx, stream, 0)
	if err != nil {
		return "", Failed, fmt.Errorf("notify: %w", err)
	}
	for len(events) > 0 && events[len(events)-1].Revision > revision {
		events = events[:len(events)-1]
	}
	told, ok := Of(events)
	if !ok {
		return "", Nobody, nil
	}
	err = n.cfg.People.Tell(ctx, told)
	switch {
	case errors.Is(err, ErrNobody):
		return told.Kind, Nobody, nil
	case err != nil:
		return told.Kind, Failed, err
	}
	return told.Kind, Sent, nil
}
