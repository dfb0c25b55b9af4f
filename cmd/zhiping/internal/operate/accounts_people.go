package operate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"

	"zhiping/domain"
	"zhiping/infra/identity"
)

// What the operator does for people who cannot help themselves. Secrets and identity numbers come from a file or from
// standard input: every process of the machine sees a command line, and a shell remembers it.

type accountsPassword struct {
	Account      string `arg:"" help:"Login name, phone or id."`
	PasswordFile string `default:"-" help:"File whose first line is the password; - is standard input."`
	Generate     bool   `help:"Make a password and print it, this once."`
}

// Run sets the password.
func (a accountsPassword) Run(ctx context.Context, out io.Writer, c *Accounts) error {
	password := strings.ToLower(rand.Text())
	if !a.Generate {
		var err error
		if password, err = readSecret(a.PasswordFile); err != nil {
			return fmt.Errorf("--password-file: %w", err)
		}
	}
	err := c.withAccount(ctx, a.Account, func(p *identity.Provider, id string) error { return p.SetPassword(ctx, id, password, OperatorID) })
	if err == nil && a.Generate {
		fmt.Fprintln(out, password)
	}
	return err
}

type accountsIdentify struct {
	Account    string `arg:"" help:"Login name, phone or id."`
	Name       string `required:"" help:"The person's name."`
	NumberFile string `default:"-" help:"File whose first line is the identity number; - is standard input."`
}

// Run corrects who the account belongs to.
func (a accountsIdentify) Run(ctx context.Context, c *Accounts) error {
	number, err := readSecret(a.NumberFile)
	if err != nil {
		return fmt.Errorf("--number-file: %w", err)
	}
	return c.withAccount(ctx, a.Account, func(p *identity.Provider, id string) error { return p.Identify(ctx, id, a.Name, number, OperatorID) })
}

type accountsVerify struct {
	Account string `arg:"" help:"Login name, phone or id."`
}

// Run notes the check.
func (a accountsVerify) Run(ctx context.Context, c *Accounts) error {
	return c.withAccount(ctx, a.Account, func(p *identity.Provider, id string) error { return p.Verify(ctx, id, OperatorID) })
}

type accountsHolder struct {
	NumberFile string `default:"-" help:"File whose first line is the identity number; - is standard input."`
}

// Run tells who holds the number: enough to reach them and to name the account, and not who they are to anybody else.
func (a accountsHolder) Run(ctx context.Context, out io.Writer, c *Accounts) error {
	number, err := readSecret(a.NumberFile)
	if err != nil {
		return fmt.Errorf("--number-file: %w", err)
	}
	if err := c.requireAccounts(); err != nil {
		return err
	}
	return c.withProvider(ctx, func(p *identity.Provider) error {
		person, err := p.Holder(ctx, number, OperatorID)
		if errors.Is(err, domain.ErrNotFound) {
			return errors.New("no account keeps that identity number")
		}
		if err != nil {
			return inEnglish(err)
		}
		checked := "not verified"
		if person.Verified {
			checked = "verified"
		}
		fmt.Fprintf(out, "account %s, %s, phone %s, %s\n", person.Account, person.Name, person.MaskedPhone(), checked)
		return nil
	})
}

type accountsErase struct {
	Account string `arg:"" help:"Login name, phone or id."`
}

// Run erases the person, once events have taken the account's roles away. It shuts the account out first: a sign-in with an
// OpenID provider's claims, or an admin, would else give a role in between, which no event takes away any more.
func (a accountsErase) Run(ctx context.Context, c *Accounts) error {
	return c.withAccountEvents(ctx, a.Account, func(m *operatorNode, id string) error {
		if err := m.Identity.Disable(ctx, id, OperatorID); err != nil {
			return err
		}
		if err := m.revokeEverything(ctx, id); err != nil {
			return err
		}
		return m.Identity.Erase(ctx, id, OperatorID)
	})
}
