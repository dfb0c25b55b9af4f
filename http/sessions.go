package http

import (
	"context"
	"time"

	"zhiping/readmodels"
)

func (s *Server) sessionRoutes() {
	handle(s, route{"GET", "/auth/sessions", "The caller's sessions, newest first", anyone, 200}, s.sessions, unviewed)
	handle(s, route{"DELETE", "/auth/sessions", "End the caller's sessions but this one", anyone, 204}, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		rq := requestOf(ctx)
		return nil, s.Accounts.EndOtherSessions(ctx, rq.actor.ID, rq.token)
	})
	handle(s, route{"DELETE", "/auth/sessions/{id}", "End one of the caller's sessions", anyone, 204}, func(ctx context.Context, in *struct {
		ID string `path:"id" maxLength:"64"`
	}) (*struct{}, error) {
		return nil, s.Accounts.EndSession(ctx, requestOf(ctx).actor.ID, in.ID)
	})
}

func (s *Server) sessions(ctx context.Context, in *struct{ Paging }) (*struct{ Body list[OpenSession] }, error) {
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	var behind *OpenSession
	if key != nil {
		created, ok := key.Value.(int64)
		if !ok || key.ID == "" {
			return nil, readmodels.ErrCursor
		}
		behind = &OpenSession{ID: key.ID, CreatedAt: time.UnixMilli(created)}
	}
	open, err := s.Accounts.Sessions(ctx, requestOf(ctx).actor.ID, behind, in.Limit)
	if err != nil {
		return nil, err
	}
	out := list[OpenSession]{Items: append([]OpenSession{}, open...)}
	if n := len(open); n == in.Limit {
		next := readmodels.EncodeCursor(readmodels.Key{Value: open[n-1].CreatedAt.UnixMilli(), ID: open[n-1].ID})
		out.Next = &next
	}
	return &struct{ Body list[OpenSession] }{out}, nil
}
