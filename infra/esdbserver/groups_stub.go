package esdbserver

import (
	"context"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
)

type groups struct{}

func openGroups(context.Context, *Server) (*groups, error) { return &groups{}, nil }
func (g *groups) close()                                   {}

type persistentService struct {
	persistent.UnimplementedPersistentSubscriptionsServer
	*Server
}

func (s *Server) project() {}
