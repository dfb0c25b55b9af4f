package http

import (
	"context"
	"time"

	"zhiping/commands"
	"zhiping/domain/declaration"
	"zhiping/readmodels/views"
)

// Node is one step of the way that a declaration took or will take.
type Node struct {
	Stage        string          `json:"stage"`
	Name         string          `json:"name"`
	Organization string          `json:"organization"`
	State        views.NodeState `json:"state"`
	Actor        string          `json:"actor,omitempty"`
	At           *time.Time      `json:"at,omitempty"`
	Opinion      string          `json:"opinion,omitempty"`
	EnteredAt    *time.Time      `json:"enteredAt,omitempty"`
	Round        int             `json:"round"`
}

// Timeline is the 进度跟踪.
type Timeline struct {
	Status     declaration.Status `json:"status"`
	StatusText string             `json:"statusText"`
	Lapsed     bool               `json:"lapsed"`
	Nodes      []Node             `json:"nodes"`
}

func (s *Server) timeline(ctx context.Context, in *ByID) (*read[Timeline], error) {
	d, err := one(ctx, s, views.Timelines, in.ID.String(), declaration.ErrNotFound)
	if err != nil {
		return nil, err
	}
	if err := visible(ctx, commands.Resource(d.State)); err != nil {
		return nil, err
	}
	w, err := s.window(ctx, d.State.Notice.ID)
	if err != nil {
		return nil, err
	}
	rq := requestOf(ctx)
	left := w.left(d.State.Status, d.Deadline(), s.Clock())
	t := Timeline{Status: d.State.Status, StatusText: left.statusText(d.State.Status, rq.lang), Lapsed: left.lapsed, Nodes: make([]Node, 0, len(d.Nodes))}
	for _, n := range d.Nodes {
		node := Node{Stage: n.Stage, Name: n.Name.In(rq.lang), Organization: n.Organization.Name, State: n.State,
			At: stamp(n.At), Opinion: n.Opinion, EnteredAt: stamp(n.EnteredAt), Round: n.Round}
		if n.Actor != nil {
			node.Actor = n.Actor.Name
		}
		t.Nodes = append(t.Nodes, node)
	}
	if left.lapsed { // without an event
		return found(ctx, t, d.Revision, "lapsed"), nil
	}
	return found(ctx, t, d.Revision), nil
}
