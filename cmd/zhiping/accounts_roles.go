package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/domain/organization"
	"zhiping/infra/identity"
)

// machine is what the operator gives and takes roles with: the same executor as a node's, with the operator as actor.
type machine struct{ *node }

// errWhichEvents keeps an event from an event store that no node follows.
var errWhichEvents = errors.New("there are accounts here and no event store: name it with --eventstore, as serve does; if it is to be the embedded one, start `zhiping serve` once, which makes it")

// errOtherEvents does the same where both are there.
var errOtherEvents = errors.New("these accounts follow another event store, which is further on than this one: name it with --eventstore, as serve does")

// rule opens accounts and event store, by way of the server that has the embedded one open where one runs, and says in
// English why do fails.
func (c *accountsCmd) rule(ctx context.Context, do func(*machine) error) error {
	if err := c.belongs(); err != nil {
		return err
	}
	n := &node{logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), clock: time.Now}
	defer n.close()
	// The event store first: accounts without one are taken for those of another.
	if err := n.borrowEvents(ctx, &serveCmd{Data: c.Data, Eventstore: c.Eventstore}); err != nil {
		return err
	}
	var err error
	if n.identity, err = c.open(ctx); err != nil {
		return err
	}
	n.later(n.identity.Close)
	if err := n.follows(ctx); err != nil {
		return inEnglish(err)
	}
	if n.executor, err = commands.New(commands.Config{
		Store: n.events, Index: viewless{}, People: directory{n.identity}, Clock: n.clock, NewID: uuid.New,
		Definition: func(string) (catalog.Definition, bool) { return catalog.Definition{}, false },
		Compile:    func(catalog.Definition) (declaration.Checker, error) { return nil, errViewless },
	}); err != nil {
		return err
	}
	return inEnglish(do(&machine{n}))
}

// ruleOver is rule over an account that is there, of a login name, a phone or an account's id.
func (c *accountsCmd) ruleOver(ctx context.Context, who string, do func(m *machine, id string) error) error {
	if err := c.some(); err != nil {
		return err
	}
	return c.rule(ctx, func(m *machine) error {
		id, err := find(ctx, m.identity, who)
		if err != nil {
			return err
		}
		return do(m, id)
	})
}

// belongs tells why the embedded event store is not the one of the accounts here.
func (c *accountsCmd) belongs() error {
	if c.Eventstore != "" {
		return nil
	}
	if _, err := os.Stat(c.below("events")); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	_, err := os.Stat(c.below("identity.sqlite"))
	if c.Identity.Postgres != "" || err == nil {
		return errWhichEvents
	}
	return nil
}

// follows tells why the accounts do not follow this event store.
func (n *node) follows(ctx context.Context) error {
	at, err := n.identity.Position(ctx)
	if err != nil {
		return err
	}
	end, err := n.events.End(ctx)
	if err == nil && at > end {
		return errOtherEvents
	}
	return err
}

// heeding bounds how long a command at the machine waits until sign-in heeds it.
const heeding = 30 * time.Second

// heed returns once sign-in heeds the events up to a position, or answers that it takes too long.
func (m *machine) heed(ctx context.Context, position uint64) error {
	ctx, stop := context.WithTimeoutCause(ctx, heeding, errors.New("the event is stored, but sign-in does not heed it yet; a node will see to it once it serves"))
	defer stop()
	return m.node.heed(ctx, position)
}

// run appends what follows from a command of the operator, and waits until it is in force.
func (m *machine) run(ctx context.Context, id string, c account.Command) error {
	r, err := m.executor.Account(ctx, m.envelope(), id, c)
	if err != nil {
		return err
	}
	return m.heed(ctx, r.Position)
}

func (m *machine) envelope() commands.Envelope {
	return commands.Envelope{Actor: domain.Actor{ID: operator, Roles: []domain.Role{domain.Operator}}}
}

// strip takes away every role that was ever granted to an account, an officer's too.
func (m *machine) strip(ctx context.Context, id string) error {
	offices, err := m.identity.OfficesOf(ctx, id)
	if err != nil {
		return err
	}
	for _, o := range offices {
		r, err := m.executor.Organization(ctx, m.envelope(), o, organization.RevokeGrant{Account: id})
		if err == nil {
			err = m.heed(ctx, r.Position)
		}
		if err != nil {
			return fmt.Errorf("officer of %s: %w", o, err)
		}
	}
	return m.run(ctx, id, account.RevokeAll{})
}

type accountsAdd struct {
	Login        string      `arg:"" help:"Login name."`
	Name         string      `required:"" help:"The person's name."`
	Role         domain.Role `required:"" enum:"admin,auditor,analyst" help:"admin, auditor or analyst."`
	Until        time.Time   `placeholder:"TIME" help:"When the role ends, e.g. 2027-01-31T16:00:00Z. Default: never."`
	PasswordFile string      `default:"-" help:"File whose first line is the password; - is standard input."`
}

// Run makes the account and gives it the role. What broke off in between is completed by the same command again.
func (a accountsAdd) Run(ctx context.Context, out io.Writer, c *accountsCmd) error {
	password, err := firstLine(a.PasswordFile)
	if err != nil {
		return fmt.Errorf("--password-file: %w", err)
	}
	return c.rule(ctx, func(m *machine) error {
		id, err := m.identity.AddAccount(ctx, identity.Account{Login: a.Login, Name: a.Name}, password, operator)
		if err != nil {
			return err
		}
		s, err := m.identity.Standing(ctx, id)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(s.Roles, func(h account.Held) bool { return h.Role != a.Role }) {
			return identity.ErrAccountExists // to which grant gives another role
		}
		if err := m.run(ctx, id, account.Grant{Role: a.Role, Expires: end(a.Until)}); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s is %s, account %s\n", a.Login, a.Role, id)
		return nil
	})
}

func end(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// ownRole is a role that is held for no organization.
type ownRole struct {
	Account string      `arg:"" help:"Login name, phone or id."`
	Role    domain.Role `arg:"" enum:"admin,auditor,analyst" help:"admin, auditor or analyst."`
}

func (a ownRole) run(ctx context.Context, c *accountsCmd, command account.Command) error {
	return c.ruleOver(ctx, a.Account, func(m *machine, id string) error { return m.run(ctx, id, command) })
}

type accountsGrant struct {
	ownRole
	Until time.Time `placeholder:"TIME" help:"When the role ends, e.g. 2027-01-31T16:00:00Z. Default: never."`
}

// Run gives the role, or another end to it.
func (a accountsGrant) Run(ctx context.Context, c *accountsCmd) error {
	return a.run(ctx, c, account.Grant{Role: a.Role, Expires: end(a.Until)})
}

type accountsRevoke struct{ ownRole }

// Run takes the role.
func (a accountsRevoke) Run(ctx context.Context, c *accountsCmd) error {
	return a.run(ctx, c, account.Revoke{Role: a.Role})
}

// viewless answers what no command of the operator asks.
type viewless struct{}

var errViewless = errors.New("there are no views at the command line")

// Declarations implements commands.Index.
func (viewless) Declarations(context.Context, string) ([]uuid.UUID, error) { return nil, errViewless }

// PassedOn implements commands.Index.
func (viewless) PassedOn(context.Context, uuid.UUID, string) ([]uuid.UUID, error) {
	return nil, errViewless
}

// Below implements commands.Index.
func (viewless) Below(context.Context, string) (bool, error) { return false, errViewless }

// Waiting implements commands.Index.
func (viewless) Waiting(context.Context, string) (bool, error) { return false, errViewless }
