package main

import (
	"context"
	"errors"

	"zhiping/domain"
	"zhiping/http"
	"zhiping/infra/identity"
)

// directory gives the edge the accounts that may become officers.
type directory struct{ provider *identity.Provider }

func (d directory) Find(ctx context.Context, who string) (string, error) {
	p, err := d.provider.Person(ctx, who)
	if errors.Is(err, domain.ErrNotFound) {
		p, err = d.provider.FindPerson(ctx, who)
	}
	if errors.Is(err, domain.ErrNotFound) {
		return "", http.ErrAccountNotFound
	}
	return p.Account, err
}

func (d directory) Names(ctx context.Context, accounts []string) (map[string]string, error) {
	return d.provider.Names(ctx, accounts)
}

func (d directory) OfficerOf(ctx context.Context, account string) (string, error) {
	return d.provider.OfficerOf(ctx, account)
}

func (d directory) Await(ctx context.Context, position uint64) error {
	return d.provider.Await(ctx, position)
}
