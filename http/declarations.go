package http

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/declaration"
)

func (s *Server) declarationRoutes() {
	handle(s, route{"POST", "/declarations", "Start a declaration after the self-check", "StartDeclaration", 201}, s.startDeclaration)
	handle(s, route{"GET", "/declarations", "The caller's declarations, newest first", "viewOwnHistory", 200}, s.history)
	handle(s, route{"GET", "/declarations/{id}", "The form; with asOf or asOfRevision as it was, rebuilt from its events", "viewDeclaration", 200}, s.form)
	handle(s, route{"PUT", "/declarations/{id}/modules/{module}", "Save one module", "SaveModule", 200}, s.saveModule)
	handle(s, route{"GET", "/declarations/{id}/validation", "All that still blocks submission", "viewDeclaration", 200}, s.validation)
	handle(s, route{"POST", "/declarations/{id}/submit", "Submit, or resubmit after a return", "SubmitDeclaration", 200}, s.submit)
	handle(s, route{"POST", "/declarations/{id}/withdraw", "Withdraw before the first review decision", "WithdrawDeclaration", 200}, func(ctx context.Context, in *ByID) (*written[Form], error) {
		return s.declare(ctx, in.ID, 200, declaration.Withdraw{})
	})
	handle(s, route{"GET", "/declarations/{id}/timeline", "Where it is and how it came there", "viewDeclaration", 200}, s.timeline)
}

// declare runs a command and answers the form as it is after it.
func (s *Server) declare(ctx context.Context, id uuid.UUID, status int, c declaration.Command) (*written[Form], error) {
	r, err := s.Executor.Declaration(ctx, requestOf(ctx).envelope(), id, c)
	if err != nil {
		return nil, err
	}
	return s.declared(ctx, r, status)
}

func (s *Server) declared(ctx context.Context, r commands.Result[declaration.State], status int) (*written[Form], error) {
	n, err := s.Executor.DecidedOn(ctx, r.State.Notice.ID) // the view of the notice may lag behind the decision
	if err != nil {
		return nil, err
	}
	form, err := s.formOf(ctx, r.State, r.Revision, window{&n}, s.Clock())
	if err != nil {
		return nil, err
	}
	return wrote(r, status, form), nil
}

func (s *Server) startDeclaration(ctx context.Context, in *struct {
	Body struct {
		NoticeID  uuid.UUID       `json:"noticeId"`
		SelfCheck map[string]bool `json:"selfCheck"`
	}
}) (*written[Form], error) {
	id := domain.DeclarationID(in.Body.NoticeID, requestOf(ctx).actor.ID)
	out, err := s.declare(ctx, id, 201, declaration.Start{NoticeID: in.Body.NoticeID, SelfCheck: in.Body.SelfCheck})
	if err != nil {
		return nil, err
	}
	out.Location = "/api/v1/declarations/" + id.String()
	return out, nil
}

func (s *Server) saveModule(ctx context.Context, in *struct {
	ByID
	Module string `path:"module" maxLength:"64"`
	Body   json.RawMessage
}) (*written[Form], error) {
	if !json.Valid(in.Body) {
		return nil, ErrMalformed
	}
	return s.declare(ctx, in.ID, 200, declaration.SaveModule{Module: in.Module, Data: in.Body})
}

func (s *Server) submit(ctx context.Context, in *struct {
	ByID
	Body struct {
		Commitment bool `json:"commitment"`
	}
}) (*written[Form], error) {
	return s.declare(ctx, in.ID, 200, declaration.Submit{Commitment: in.Body.Commitment})
}
