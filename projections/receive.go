package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
)

// debugLogger keeps the router's daily business out of the log; its errors stay errors.
func debugLogger(l *slog.Logger) watermill.LoggerAdapter {
	return watermill.NewSlogLoggerWithLevelMapping(l, map[slog.Level]slog.Level{slog.LevelInfo: slog.LevelDebug})
}

// receive runs the router until ctx ends.
func (p *pipeline) receive(ctx context.Context, after uint64) error {
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: 10 * time.Second}, debugLogger(p.cfg.Logger))
	if err != nil {
		return err
	}
	router.AddMiddleware(middleware.Recoverer, middleware.CorrelationID)
	router.AddMiddleware(p.cfg.Middlewares...)
	router.AddConsumerHandler("projector-"+p.name, Topic, p.cfg.Feed.Subscriber(after), func(m *message.Message) error {
		d, ok := p.cfg.Feed.Open(m)
		if !ok {
			return fmt.Errorf("projections: message %s carries no events", m.UUID)
		}
		p.backlog.Add(int64(len(d.Events)))
		select {
		case p.in <- d:
			return nil
		case <-ctx.Done():
			p.backlog.Add(-int64(len(d.Events)))
			return ctx.Err()
		}
	})
	if err := router.Run(ctx); err != nil {
		return err
	}
	if ctx.Err() == nil {
		return errors.New("projections: the subscription has ended")
	}
	return nil
}
