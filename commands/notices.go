package commands

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/notice"
)

// Notice runs a command on the notice.
func (x *Executor) Notice(ctx context.Context, env Envelope, id uuid.UUID, c notice.Command) (Result[notice.State], error) {
	name := noticeAction(c)
	return execute(ctx, x, notices, request[notice.State, notice.Command]{
		env: env, id: id.String(), cmd: c, name: name,
		authorise: func(s notice.State) error { return authoriseNotice(env.Actor, name, s, c) },
		facts: func(_ context.Context, s notice.State, c notice.Command) (notice.Command, error) {
			return x.noticeFacts(s, c)
		},
	})
}

// authoriseNotice lets a bureau act on notices of its own and of bureaux below it, also on what they are to become.
func authoriseNotice(a domain.Actor, name string, s notice.State, c notice.Command) error {
	var bureaux []string
	if s.Status != "" {
		bureaux = append(bureaux, s.Content.Bureau.ID)
	}
	switch c := c.(type) {
	case notice.Draft:
		bureaux = append(bureaux, c.Content.Bureau.ID)
	case notice.Revise:
		bureaux = append(bureaux, c.Content.Bureau.ID)
	}
	for _, id := range bureaux {
		if !access.Allowed(a, access.Action(name), access.Resource{Organization: id}) {
			return domain.ErrForbidden
		}
	}
	return mayTry(a, name)
}

func (x *Executor) noticeFacts(s notice.State, c notice.Command) (notice.Command, error) {
	switch c := c.(type) {
	case notice.Draft:
		_, c.Known = x.definition(c.Content.Type)
		return c, nil
	case notice.Revise:
		_, c.Known = x.definition(c.Content.Type)
		return c, nil
	case notice.Publish:
		d, ok := x.definition(s.Content.Type)
		if !ok && s.Status == notice.StatusDraft {
			return nil, fmt.Errorf("commands: the catalog lost type %q", s.Content.Type)
		}
		c.Definition = d
		return c, nil
	}
	return c, nil
}

func noticeAction(c notice.Command) string {
	switch c.(type) {
	case notice.Draft:
		return "DraftNotice"
	case notice.Revise:
		return "ReviseNotice"
	case notice.Publish:
		return "PublishNotice"
	case notice.Close:
		return "CloseNotice"
	}
	panic(fmt.Sprintf("commands: %T has no action", c))
}
