package operate

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

	"zhiping/cmd/zhiping/internal/node"
	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/domain/organization"
	"zhiping/infra/identity"
)

// operatorNode is what the operator gives and takes roles with: the same executor as a node's, with the operator as actor.
type operatorNode struct{ *node.Node }

// errNoEventStore keeps an event from an event store that no node follows.
var errNoEventStore = errors.New("there are accounts here and no event store: name it with --eventstore, as serve does; if it is to be the embedded one, start `zhiping serve` once, which makes it")

// errOtherEventStore does the same where both are there.
var errOtherEventStore = errors.New("these accounts follow another event store, which is further on than this one: name it with --eventstore, as serve does")

// withEvents opens accounts and event store, by way of the server that has the embedded one open where one runs, and says in
// English why do fails.
func (c *Accounts) withEvents(ctx context.Context, do func(*operatorNode) error) error {
	if err := c.requireEventStore(); err != nil {
		return err
	}
	n := node.New(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	defer n.Close()
	// The event store first: accounts without one are taken for those of another.
	if err := n.OpenEventsShared(ctx, &node.Options{Data: c.Data, Eventstore: c.Eventstore}); err != nil {
		return err
	}
	var err error
	if n.Identity, err = c.open(ctx); err != nil {
		return err
	}
	n.OnClose(n.Identity.Close)
	if err := checkPosition(ctx, n); err != nil {
		return inEnglish(err)
	}
	if n.Executor, err = commands.New(commands.Config{
		Store: n.Events, Index: noIndex{}, People: node.Directory{Provider: n.Identity}, Clock: n.Clock, NewID: uuid.New,
		Definition: func(string) (catalog.Definition, bool) { return catalog.Definition{}, false },
		Compile:    func(catalog.Definition) (declaration.Checker, error) { return nil, errNoIndex },
	}); err != nil {
		return err
	}
	return inEnglish(do(&operatorNode{n}))
}

// withAccountEvents is rule over an account that is there, of a login name, a phone or an account's id.
func (c *Accounts) withAccountEvents(ctx context.Context, who string, do func(m *operatorNode, id string) error) error {
	if err := c.requireAccounts(); err != nil {
		return err
	}
	return c.withEvents(ctx, func(m *operatorNode) error {
		id, err := findAccount(ctx, m.Identity, who)
		if err != nil {
			return err
		}
		return do(m, id)
	})
}

// requireEventStore tells why the embedded event store is not the one of the accounts here.
func (c *Accounts) requireEventStore() error {
	if c.Eventstore != "" {
		return nil
	}
	if _, err := os.Stat(c.dataPath("events")); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	_, err := os.Stat(c.dataPath("identity.sqlite"))
	if c.Identity.Postgres != "" || err == nil {
		return errNoEventStore
	}
	return nil
}

// checkPosition tells why the accounts do not follow this event store.
func checkPosition(ctx context.Context, n *node.Node) error {
	at, err := n.Identity.Position(ctx)
	if err != nil {
		return err
	}
	end, err := n.Events.End(ctx)
	if err == nil && at > end {
		return errOtherEventStore
	}
	return err
}

// applyTimeout bounds how long a command at the machine waits until sign-in heeds it.
const applyTimeout = 30 * time.Second

// waitApplied returns once sign-in heeds the events up to a position, or answers that it takes too long.
func (m *operatorNode) waitApplied(ctx context.Context, position uint64) error {
	ctx, stop := context.WithTimeoutCause(ctx, applyTimeout, errors.New("the event is stored, but sign-in does not heed it yet; a node will see to it once it serves"))
	defer stop()
	return m.Node.WaitApplied(ctx, position)
}

// execute appends what follows from a command of the operator, and waits until it is in force.
func (m *operatorNode) execute(ctx context.Context, id string, c account.Command) error {
	r, err := m.Executor.Account(ctx, m.envelope(), id, c)
	if err != nil {
		return err
	}
	return m.waitApplied(ctx, r.Position)
}

func (m *operatorNode) envelope() commands.Envelope {
	return commands.Envelope{Actor: domain.Actor{ID: OperatorID, Roles: []domain.Role{domain.Operator}}}
}

// revokeEverything takes away every role that was ever granted to an account, an officer's too.
func (m *operatorNode) revokeEverything(ctx context.Context, id string) error {
	offices, err := m.Identity.OfficesOf(ctx, id)
	if err != nil {
		return err
	}
	for _, o := range offices {
		r, err := m.Executor.Organization(ctx, m.envelope(), o, organization.RevokeGrant{Account: id})
		if err == nil {
			err = m.waitApplied(ctx, r.Position)
		}
		if err != nil {
			return fmt.Errorf("officer of %s: %w", o, err)
		}
	}
	return m.execute(ctx, id, account.RevokeAll{})
}

type accountsAdd struct {
	Login        string      `arg:"" help:"Login name."`
	Name         string      `required:"" help:"The person's name."`
	Role         domain.Role `required:"" enum:"admin,auditor,analyst" help:"admin, auditor or analyst."`
	Until        time.Time   `placeholder:"TIME" help:"When the role ends, e.g. 2027-01-31T16:00:00Z. Default: never."`
	PasswordFile string      `default:"-" help:"File whose first line is the password; - is standard input."`
}

// Run makes the account and gives it the role. What broke off in between is completed by the same command again.
func (a accountsAdd) Run(ctx context.Context, out io.Writer, c *Accounts) error {
	password, err := readSecret(a.PasswordFile)
	if err != nil {
		return fmt.Errorf("--password-file: %w", err)
	}
	return c.withEvents(ctx, func(m *operatorNode) error {
		id, err := m.Identity.AddAccount(ctx, identity.Account{Login: a.Login, Name: a.Name}, password, OperatorID)
		if err != nil {
			return err
		}
		s, err := m.Identity.Standing(ctx, id)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(s.Roles, func(h account.Held) bool { return h.Role != a.Role }) {
			return identity.ErrAccountExists // to which grant gives another role
		}
		if err := m.execute(ctx, id, account.Grant{Role: a.Role, Expires: optionalTime(a.Until)}); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s is %s, account %s\n", a.Login, a.Role, id)
		return nil
	})
}

func optionalTime(t time.Time) *time.Time {
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

func (a ownRole) run(ctx context.Context, c *Accounts, command account.Command) error {
	return c.withAccountEvents(ctx, a.Account, func(m *operatorNode, id string) error { return m.execute(ctx, id, command) })
}

type accountsGrant struct {
	ownRole
	Until time.Time `placeholder:"TIME" help:"When the role ends, e.g. 2027-01-31T16:00:00Z. Default: never."`
}

// Run gives the role, or another end to it.
func (a accountsGrant) Run(ctx context.Context, c *Accounts) error {
	return a.run(ctx, c, account.Grant{Role: a.Role, Expires: optionalTime(a.Until)})
}

type accountsRevoke struct{ ownRole }

// Run takes the role.
func (a accountsRevoke) Run(ctx context.Context, c *Accounts) error {
	return a.run(ctx, c, account.Revoke{Role: a.Role})
}

// noIndex answers what no command of the operator asks.
type noIndex struct{}

var errNoIndex = errors.New("there are no views at the command line")

// Declarations implements commands.Index.
func (noIndex) Declarations(context.Context, string) ([]uuid.UUID, error) { return nil, errNoIndex }

// PassedOn implements commands.Index.
func (noIndex) PassedOn(context.Context, uuid.UUID, string) ([]uuid.UUID, error) {
	return nil, errNoIndex
}

// Below implements commands.Index.
func (noIndex) Below(context.Context, string) (bool, error) { return false, errNoIndex }

// Waiting implements commands.Index.
func (noIndex) Waiting(context.Context, string) (bool, error) { return false, errNoIndex }
