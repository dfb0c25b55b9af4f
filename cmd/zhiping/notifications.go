package main

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

// teller lets the notifier reach people by their accounts.
type teller struct{ *identity.Provider }

// Tell implements notify.People.
func (t teller) Tell(ctx context.Context, m notify.Message) error {
	err := t.Provider.Tell(ctx, m.Account, m.ID, m.Kind, m.Args)
	if errors.Is(err, identity.ErrNobody) {
		return notify.ErrNobody
	}
	return err
}

// tellPeople sends people what offices decide, wherever projections may run. Nodes share the work, by the event store.
func (n *node) tellPeople(ctx context.Context) error {
	group, err := eventstore.NewGroupSubscriber(n.events, eventstore.GroupConfig{
		Group: notify.Group, Types: notify.Types(commands.EventTypes()), OnlyNew: true,
		MaxRetries: 20, AckTimeout: 5 * time.Minute, // an attempt ends, and its pause, long before
	})
	if err != nil {
		return fmt.Errorf("notifications: %w", err)
	}
	err = notify.New(notify.Config{Streams: n.events, People: teller{n.identity}, Observe: n.told, Pause: time.Second, Logger: n.logger}).Run(ctx, group)
	return errors.Join(err, group.Close())
}

func (n *node) told(kind string, o notify.Outcome) { n.metrics.Message(kind, string(o)) }
