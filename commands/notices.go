package commands

import (
	"cmp"
	"context"

	"github.com/google/uuid"

	"zhiping/domain"
	"zhiping/domain/access"
	"zhiping/domain/gb"
	"zhiping/domain/notice"
	"zhiping/domain/organization"
)

// Notice runs a command on the notice.
func (x *Executor) Notice(ctx context.Context, env Envelope, id uuid.UUID, c notice.Command) (Result[notice.State], error) {
	name := access.Action(notice.CommandName(c))
	return execute(ctx, x, notices, request[notice.State, notice.Facts, notice.Command]{
		env: env, id: id.String(), cmd: c,
		authorise: func(s notice.State) error { return authoriseNotice(env.Actor, name, s, c) },
		facts: func(ctx context.Context, s notice.State, _ domain.Usage) (notice.Facts, error) {
			return x.noticeFacts(ctx, s, c)
		},
	})
}

// DecidedOn is the notice as the last command on one of its declarations found it, so that the answer to the command tells the
// same of time as its decision. It is the stored one where this process has decided nothing on it yet.
func (x *Executor) DecidedOn(ctx context.Context, id uuid.UUID) (notice.State, error) {
	stream := domain.Stream(domain.CategoryNotice, id.String())
	l, _, err := load(ctx, x, notices, stream, true)
	if err == nil && l.revision == NoStream {
		l, _, err = load(ctx, x, notices, stream, false)
	}
	return l.state, err
}

// authoriseNotice lets a bureau act on notices of its own and of bureaux below it, also on what they are to become. A
// revision that names no bureau leaves it as it is.
func authoriseNotice(a domain.Actor, action access.Action, s notice.State, c notice.Command) error {
	var bureaux []string
	if s.Status != "" {
		bureaux = append(bureaux, s.Content.Bureau.ID)
	}
	switch c := c.(type) {
	case notice.Draft:
		bureaux = append(bureaux, c.Content.Bureau.ID)
	case notice.Revise:
		if c.Content.Bureau.ID != "" {
			bureaux = append(bureaux, c.Content.Bureau.ID)
		}
	}
	if err := mayTry(a, action); err != nil {
		return err
	}
	if _, drafting := c.(notice.Draft); s.Status == "" && !drafting {
		return notice.ErrNotFound
	}
	for _, id := range bureaux {
		if access.Allowed(a, action, access.Resource{Organization: id}) {
			continue
		}
		if s.Status == notice.StatusDraft && id == s.Content.Bureau.ID {
			return notice.ErrNotFound // another bureau's draft is not there for this one
		}
		return domain.ErrForbidden
	}
	return nil
}

func (x *Executor) noticeFacts(ctx context.Context, s notice.State, c notice.Command) (notice.Facts, error) {
	content := s.Content
	switch c := c.(type) {
	case notice.Draft:
		content = c.Content
	case notice.Revise:
		content = c.Content
		content.Bureau.ID = cmp.Or(content.Bureau.ID, s.Content.Bureau.ID)
	case notice.Close:
		return notice.Facts{}, nil
	}
	if _, drafting := c.(notice.Draft); !drafting && s.Status != notice.StatusDraft {
		return notice.Facts{}, nil // the offices of a published notice do not change any more
	}
	return x.officesOf(ctx, content)
}

// officesOf looks up what a notice's content names.
func (x *Executor) officesOf(ctx context.Context, c notice.Content) (f notice.Facts, err error) {
	f.Now = x.clock().UTC()
	f.Definition, _ = x.definition(c.Type)
	if f.Registered, err = x.registered(ctx, c); err != nil {
		return f, err
	}
	if f.Bureau, err = x.office(ctx, c.Bureau.ID); err != nil {
		return f, err
	}
	f.Committee, err = x.office(ctx, c.Committee.ID)
	return f, err
}

// registered tells which units with a quota of their own are there, where their code does not tell by itself that it is right.
func (x *Executor) registered(ctx context.Context, c notice.Content) (map[string]bool, error) {
	if len(c.Quotas) > notice.MaxQuotas {
		return nil, nil // it is refused anyway
	}
	there := map[string]bool{}
	for code := range c.Quotas {
		if wellFormed, fits := gb.CheckCreditCode(code); !wellFormed || fits {
			continue
		}
		u, _, err := load(ctx, x, units, domain.Stream(domain.CategoryUnit, code), false)
		if err != nil {
			return nil, err
		}
		o, err := x.organization(ctx, code)
		if err != nil {
			return nil, err
		}
		there[code] = u.state.Status != "" || o.Kind == organization.KindUnit
	}
	return there, nil
}

// office is an organization with the bureaux at and above it. The tree is some levels deep and has no circles, since an
// organization never moves.
func (x *Executor) office(ctx context.Context, id string) (notice.Office, error) {
	o, err := x.organization(ctx, id)
	if err != nil {
		return notice.Office{}, err
	}
	office := notice.Office{Name: o.Name, Kind: o.Kind, Closed: o.Closed}
	for o.ID != "" {
		if o.Kind == organization.KindBureau {
			office.Bureaux = append(office.Bureaux, o.ID)
		}
		if o, err = x.organization(ctx, o.Parent); err != nil {
			return notice.Office{}, err
		}
	}
	return office, nil
}
