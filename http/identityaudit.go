package http

import (
	"context"
	"time"

	"zhiping/readmodels"
)

// IdentityRecord is one thing that happened to an account, or was tried: a sign-in, a failure, a lockout, a one-time
// code, a grant. What was typed is in none.
type IdentityRecord struct {
	ID        int64     `json:"id"`
	At        time.Time `json:"at"`
	Type      string    `json:"type"`
	Account   string    `json:"account,omitempty" doc:"Id of the account; missing when there is none of that name"`
	Actor     string    `json:"actor,omitempty" doc:"Id of who did it, when that is somebody else"`
	Address   string    `json:"address,omitempty"`
	UserAgent string    `json:"userAgent,omitempty"`
	Detail    string    `json:"detail,omitempty" doc:"A short code: the method, the reason, the role"`
}

// IdentityQuery selects identity records; zero fields do not select. Before is the id of the last record of the page
// before. From and To are included.
type IdentityQuery struct {
	Account, Actor, Type, Address string
	From, To                      time.Time
	Before                        int64
	Limit                         int
}

func (s *Server) identityAuditRoutes() {
	handle(s, route{"GET", "/audit/identity", "Sign-ins, failures, lockouts, codes, resets and grants, newest first", "viewIdentityAudit", 200}, s.identityAudit, unviewed)
}

func (s *Server) identityAudit(ctx context.Context, in *struct {
	Paging
	Account string    `query:"account" maxLength:"64"`
	Actor   string    `query:"actor" maxLength:"64"`
	Type    string    `query:"type" maxLength:"64"`
	Address string    `query:"address" maxLength:"64"`
	From    time.Time `query:"from"`
	To      time.Time `query:"to"`
}) (*struct{ Body list[IdentityRecord] }, error) {
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	q := IdentityQuery{Account: in.Account, Actor: in.Actor, Type: in.Type, Address: in.Address, From: in.From, To: in.To, Limit: in.Limit}
	if key != nil {
		before, ok := key.Value.(int64)
		if !ok || before < 1 || key.ID != "" {
			return nil, readmodels.ErrCursor
		}
		q.Before = before
	}
	records, err := s.Directory.Audit(ctx, q)
	if err != nil {
		return nil, err
	}
	out := list[IdentityRecord]{Items: append([]IdentityRecord{}, records...)}
	if n := len(records); n == in.Limit { // perhaps the next page is empty, which is cheaper than one record too many
		next := readmodels.EncodeCursor(readmodels.Key{Value: records[n-1].ID})
		out.Next = &next
	}
	return &struct{ Body list[IdentityRecord] }{out}, nil
}
