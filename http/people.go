package http

import (
	"context"

	"zhiping/readmodels"
)

// Person is an account as an admin looks for it, to appoint its owner. Phone shows its first three and last four
// digits.
type Person struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Phone    string `json:"phone,omitempty"`
	Disabled bool   `json:"disabled"`
}

func (s *Server) peopleRoutes() {
	handle(s, route{"GET", "/accounts", "Accounts by the beginning of a name, or by a whole login name, phone or e-mail address", "viewAccounts", 200}, s.people, unviewed)
}

func (s *Server) people(ctx context.Context, in *struct {
	Paging
	Q string `query:"q" maxLength:"100"`
}) (*struct{ Body list[Person] }, error) {
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	after := ""
	if key != nil {
		if key.Value != nil {
			return nil, readmodels.ErrCursor
		}
		after = key.ID
	}
	found, err := s.Directory.People(ctx, in.Q, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := list[Person]{Items: append([]Person{}, found...)}
	if n := len(found); n == in.Limit {
		next := readmodels.EncodeCursor(readmodels.Key{ID: found[n-1].ID})
		out.Next = &next
	}
	return &struct{ Body list[Person] }{out}, nil
}
