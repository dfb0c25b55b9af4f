package main

import (
	"errors"
	"fmt"

	"zhiping/infra/identity"
)

// identityFlags say where accounts and sessions are.
type identityFlags struct {
	Postgres string `placeholder:"URL" help:"Connection string of a PostgreSQL for accounts and sessions, which several machines share, e.g. postgres://user@host/zhiping; a password is better set by the environment. Default: a file below --data, for one machine."`
	Key      string `type:"path" placeholder:"FILE" help:"File with the key of accounts, 32 bytes in hexadecimal, the same on every node. Needed with a PostgreSQL. Default: a file below --data, made at the first start."`
}

var errIdentityKey = errors.New("--identity-postgres needs --identity-key: a file with 32 random bytes in hexadecimal, such as `openssl rand -hex 32` makes, the same on every node")

// pepper reads the key; nil leaves it to the provider's own file.
func (f identityFlags) pepper() ([]byte, error) {
	if f.Key == "" {
		if f.Postgres != "" {
			return nil, errIdentityKey
		}
		return nil, nil
	}
	key, err := identity.ReadKey(f.Key)
	if err != nil {
		return nil, fmt.Errorf("--identity-key: %w", err)
	}
	return key, nil
}
