// Package operate holds the commands of operators, as kong commands: accounts, projections, the embedded event store and
// attachments. What serves requests is in package node.
package operate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"zhiping/cmd/zhiping/internal/node"
	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/infra/identity"
)

// Accounts is `zhiping accounts`. Officers are appointed over HTTP; what is here is for who holds the machine: an
// installation begins with an admin whom nobody could have appointed. The roles that it gives and takes are events all the
// same, with the operator as their actor.
type Accounts struct {
	Data       string `default:"./data" type:"path" help:"Folder of everything that is kept locally."`
	Eventstore string `placeholder:"URL" help:"Connection string of an EventStoreDB, where one serves: roles are given and taken by events. Default: the embedded event store, also beside a running server."`

	Identity node.IdentityFlags `embed:"" prefix:"identity-"`

	Add     accountsAdd     `cmd:"" help:"Make an account that holds a role of its own, such as the first admin."`
	Grant   accountsGrant   `cmd:"" help:"Give an account a role of its own."`
	Revoke  accountsRevoke  `cmd:"" help:"Take such a role away, at once."`
	Disable accountsDisable `cmd:"" help:"Shut an account out and end its sessions, at once."`
	Enable  accountsEnable  `cmd:"" help:"Let a disabled account in again."`

	Password accountsPassword `cmd:"" help:"Give an account another password, and end its sessions."`
	Identify accountsIdentify `cmd:"" help:"Correct the name and identity number of an account that nobody has verified yet."`
	Verify   accountsVerify   `cmd:"" help:"Note that somebody has checked the name and identity number; they cannot change from then on."`
	Holder   accountsHolder   `cmd:"" help:"Tell whose account keeps an identity number, for somebody who hears that theirs is taken."`
	Erase    accountsErase    `cmd:"" help:"Delete what is known of the person behind an account, for good. Its identity number is free again."`
}

// OperatorID is who did it, in the audit records.
const OperatorID = "operator"

func (c *Accounts) withProvider(ctx context.Context, do func(*identity.Provider) error) error {
	p, err := c.open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(p), p.Close())
}

func (c *Accounts) open(ctx context.Context) (*identity.Provider, error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	pepper, err := c.Identity.Pepper()
	if err != nil {
		return nil, err
	}
	cost, err := c.Identity.Argon2(false)
	if err != nil {
		return nil, err
	}
	return identity.Open(ctx, identity.Config{Path: c.dataPath("identity.sqlite"), Postgres: c.Identity.Postgres, Pepper: pepper, Argon2: cost})
}

// dataPath is a path in the data folder.
func (c *Accounts) dataPath(name string) string { return filepath.Join(c.Data, name) }

// requireAccounts tells where there are no accounts at all, as behind a mistyped --data, before anything is made there.
func (c *Accounts) requireAccounts() error {
	if c.Identity.Postgres != "" {
		return nil
	}
	if _, err := os.Stat(c.dataPath("identity.sqlite")); err != nil {
		return fmt.Errorf("no accounts in --data: %w", err)
	}
	return nil
}

// withAccount runs do on the account of a login name, a phone or an account's id.
func (c *Accounts) withAccount(ctx context.Context, who string, do func(p *identity.Provider, id string) error) error {
	if err := c.requireAccounts(); err != nil {
		return err
	}
	return c.withProvider(ctx, func(p *identity.Provider) error {
		id, err := findAccount(ctx, p, who)
		if err != nil {
			return err
		}
		return inEnglish(do(p, id))
	})
}

func findAccount(ctx context.Context, p *identity.Provider, who string) (string, error) {
	id, err := node.Directory{Provider: p}.Find(ctx, who)
	if errors.Is(err, account.ErrNotFound) {
		return "", fmt.Errorf("nobody has the login name, phone or id %q", who)
	}
	return id, err
}

// readSecret reads a secret that must not be on the command line, where every process could see it.
func readSecret(path string) (string, error) {
	in := io.Reader(os.Stdin)
	if path != "-" {
		f, err := os.Open(path) // #nosec G304 -- the operator names the file
		if err != nil {
			return "", err
		}
		defer f.Close() //nolint:errcheck // only read
		in = f
	}
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// inEnglish says on a terminal what a refusal says to people.
func inEnglish(err error) error {
	var e *domain.Error
	if !errors.As(err, &e) {
		return err
	}
	sentences := []string{e.Text().In("en")}
	for _, f := range e.Faults {
		sentences = append(sentences, f.Message.In("en"))
	}
	return errors.New(strings.Join(sentences, "; "))
}

type accountsDisable struct {
	Account string `arg:"" help:"Login name, phone or id."`
}

// Run shuts the account out.
func (a accountsDisable) Run(ctx context.Context, c *Accounts) error {
	return c.withAccount(ctx, a.Account, func(p *identity.Provider, id string) error { return p.Disable(ctx, id, OperatorID) })
}

type accountsEnable struct {
	Account string `arg:"" help:"Login name, phone or id."`
}

// Run lets the account in.
func (a accountsEnable) Run(ctx context.Context, c *Accounts) error {
	return c.withAccount(ctx, a.Account, func(p *identity.Provider, id string) error { return p.Enable(ctx, id, OperatorID) })
}
