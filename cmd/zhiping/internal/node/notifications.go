package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zhiping/commands"
	"zhiping/infra/eventstore"
	"zhiping/infra/identity"
	"zhiping/infra/notify"
)

// messenger lets the notifier reach people by their accounts.
type messenger struct{ *identity.Provider }

// Tell implements notify.People.
func (t messenger) Tell(ctx context.Context, m notify.Message) error {
	err := t.Provider.Tell(ctx, m.Account, m.ID, m.Kind, m.Args)
	if errors.Is(err, identity.ErrNobody) {
		return notify.ErrNobody
	}
	return err
}

// runNotifications sends people what offices decide, wherever projections may run. Nodes share the work, by the event store.
func (n *Node) runNotifications(ctx context.Context) error {
	group, err := eventstore.NewGroupSubscriber(n.Events, eventstore.GroupConfig{
		Group: notify.Group, Types: notify.Types(commands.EventTypes()), OnlyNew: true,
		MaxRetries: 20, AckTimeout: 5 * time.Minute, // an attempt ends, and its pause, long before
	})
	if err != nil {
		return fmt.Errorf("notifications: %w", err)
	}
	err = notify.New(notify.Config{Streams: n.Events, People: messenger{n.Identity}, Observe: n.countMessage, Pause: time.Second, Logger: n.Logger}).Run(ctx, group)
	return errors.Join(err, group.Close())
}

func (n *Node) countMessage(kind string, o notify.Outcome) { n.metrics.Message(kind, string(o)) }
