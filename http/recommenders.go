package http

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"zhiping/domain/declaration"
)

func (s *Server) recommenderRoutes() {
	handle(s, route{"POST", "/declarations/{id}/recommenders", "Enter an expert who recommends the applicant", "AddRecommender", 201}, s.addRecommender)
	handle(s, route{"PUT", "/declarations/{id}/recommenders/{rid}", "Replace what was entered of an expert", "ChangeRecommender", 200}, func(ctx context.Context, in *struct {
		ByRecommender
		Body json.RawMessage
	}) (*written[FormRecommender], error) {
		return s.recommend(ctx, in.ID, in.RID, 200, in.Body, declaration.ChangeRecommender{ID: in.RID, Data: in.Body})
	})
	handle(s, route{"DELETE", "/declarations/{id}/recommenders/{rid}", "Remove an expert with their files", "RemoveRecommender", 200}, func(ctx context.Context, in *ByRecommender) (*written[Form], error) {
		return s.declare(ctx, in.ID, 200, declaration.RemoveRecommender{ID: in.RID})
	})
}

// ByRecommender names an expert of a declaration in the path.
type ByRecommender struct {
	ID  uuid.UUID `path:"id"`
	RID uuid.UUID `path:"rid"`
}

func (s *Server) addRecommender(ctx context.Context, in *struct {
	ByID
	Body json.RawMessage
}) (*written[FormRecommender], error) {
	rid := requestOf(ctx).newID("recommender")
	out, err := s.recommend(ctx, in.ID, rid, 201, in.Body, declaration.AddRecommender{ID: rid, Data: in.Body})
	if err != nil {
		return nil, err
	}
	out.Location = fmt.Sprintf("/api/v1/declarations/%s/recommenders/%s", in.ID, rid)
	return out, nil
}

func (s *Server) recommend(ctx context.Context, id, rid uuid.UUID, status int, data []byte, c declaration.Command) (*written[FormRecommender], error) {
	if !json.Valid(data) {
		return nil, ErrMalformed
	}
	r, err := s.Executor.Declaration(ctx, requestOf(ctx).envelope(), id, c)
	if err != nil {
		return nil, err
	}
	for _, have := range r.State.Recommenders {
		if have.ID == rid {
			return wrote(r, status, recommenderOf(have, r.State)), nil
		}
	}
	return nil, declaration.ErrNoRecommender
}
