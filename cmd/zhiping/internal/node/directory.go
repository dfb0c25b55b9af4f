package node

import (
	"context"
	"errors"
	"time"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/domain/catalog"
	"zhiping/http"
	"zhiping/infra/identity"
)

// Directory gives the edge the accounts that may become officers, and the executor who an account belongs to.
type Directory struct{ Provider *identity.Provider }

func (d Directory) Find(ctx context.Context, who string) (string, error) {
	p, err := d.Provider.Person(ctx, who)
	if errors.Is(err, domain.ErrNotFound) {
		p, err = d.Provider.FindPerson(ctx, who)
	}
	if errors.Is(err, domain.ErrNotFound) {
		return "", account.ErrNotFound
	}
	return p.Account, err
}

func (d Directory) Names(ctx context.Context, accounts []string) (map[string]string, error) {
	return d.Provider.Names(ctx, accounts)
}

func (d Directory) Registered(ctx context.Context, account string) (catalog.Person, error) {
	p, err := d.Provider.Person(ctx, account)
	if errors.Is(err, domain.ErrNotFound) || err == nil && p.IDNumber == "" {
		return catalog.Person{}, nil
	}
	return catalog.Person{ID: p.Account, Name: p.Name, IDNumber: p.IDNumber}, err
}

func (d Directory) Standing(ctx context.Context, account string) (commands.Standing, error) {
	s, err := d.Provider.Standing(ctx, account)
	if err != nil {
		return commands.Standing{}, err
	}
	office, err := d.Provider.OfficerOf(ctx, account)
	return commands.Standing{Known: s.Known, Disabled: s.Disabled, Office: office, OtherAdmin: s.OtherAdmin, Roles: s.Roles}, err
}

func (d Directory) People(ctx context.Context, text, after string, limit int) ([]http.Person, error) {
	found, err := d.Provider.People(ctx, identity.PersonQuery{Text: text, After: after, Limit: limit})
	out := make([]http.Person, len(found))
	for i, p := range found {
		out[i] = http.Person{ID: p.Account, Name: p.Name, Phone: p.MaskedPhone(), Disabled: p.Disabled}
	}
	return out, err
}

func (d Directory) Audit(ctx context.Context, q http.IdentityQuery) ([]http.IdentityRecord, error) {
	query := identity.AuditQuery{Account: q.Account, Actor: q.Actor, Kind: identity.AuditKind(q.Type), Address: q.Address,
		From: q.From, To: q.To, Before: q.Before, Limit: q.Limit}
	if !q.To.IsZero() {
		query.To = q.To.Add(time.Millisecond) // the provider leaves the end out, and counts in milliseconds
	}
	records, err := d.Provider.Audit(ctx, query)
	out := make([]http.IdentityRecord, len(records))
	for i, r := range records {
		out[i] = http.IdentityRecord{ID: r.ID, At: r.At, Type: string(r.Kind), Account: r.Account, Actor: r.Actor,
			Address: r.Address, UserAgent: r.Agent, Detail: r.Detail}
	}
	return out, err
}

func (d Directory) Await(ctx context.Context, position uint64) error {
	return d.Provider.Await(ctx, position)
}
