package node

import (
	"context"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"zhiping/http"
	"zhiping/infra/limits"
)

// rateLimits are the rate limits. They hold over all nodes together where nodes share a database: the PostgreSQL of the accounts,
// or the MongoDB of the views.
func (n *Node) rateLimits(ctx context.Context, c *Options) (http.Limits, error) {
	l := http.Limits{AddressPerMinute: c.Limits.Addresses, PerMinute: c.Limits.Requests, SignInsPerMinute: c.Limits.SignIns}
	if n.roles == rolesProjector { // which answers nobody but its operator
		return l, nil
	}
	shared, err := n.sharedCounts(ctx, c)
	if err != nil || shared == nil {
		return l, err
	}
	n.OnClose(shared.Close)
	l.SignIns = limits.Resting(shared, n.Clock, n.Logger)
	n.exchange = limits.NewExchange(shared, uuid.NewString(), n.Clock, n.Logger)
	l.Addresses = n.exchange.Limit("addresses", l.AddressPerMinute)
	l.Callers = n.exchange.Limit("callers", l.PerMinute)
	return l, nil
}

// sharedCounter is a database that keeps counts for all nodes, in both ways.
type sharedCounter interface {
	fiber.Storage
	limits.Ledger
}

func (n *Node) sharedCounts(ctx context.Context, c *Options) (sharedCounter, error) {
	switch {
	case c.Identity.Postgres != "":
		return limits.OpenPostgres(c.Identity.Postgres, n.Clock)
	case c.Readstore != "":
		database, err := databaseOf(c.Readstore)
		if err != nil {
			return nil, err
		}
		return limits.Open(ctx, c.Readstore, database, n.Clock)
	}
	return nil, nil
}
