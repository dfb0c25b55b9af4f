// Package demo creates the data of `serve --demo`: accounts with a published password, an organization tree, units and
// notices. Its names are fixed, so that tests and benchmarks can use them. It writes by the same commands as everybody.
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/domain/catalog"
	"zhiping/domain/notice"
	"zhiping/domain/organization"
	"zhiping/domain/text"
	"zhiping/domain/unit"
	"zhiping/infra/eventstore"
	"zhiping/infra/identity"
)

// Password is the password of every demo account (HTTP contract, “Identity”).
const Password = "zhiping-demo" // #nosec G101 -- published on purpose; the accounts exist in demo stores only

// Actor is the actor of the seeding commands. A store whose first event is not its own is never seeded.
var Actor = domain.Actor{ID: "demo-seed", Name: "演示数据", Roles: []domain.Role{domain.Admin}}

type Unit struct{ USCC, Name string }

var (
	Units = []Unit{{"12220000127701509T", "示范大学"}, {"91220101MA0Y3KQ208", "示范科技公司"}}

	Department = domain.Organization{ID: "demo-department", Name: "示范省教育厅"}
	Bureau     = domain.Organization{ID: "demo-bureau", Name: "示范省人力资源和社会保障厅"}
	Committee  = domain.Organization{ID: "demo-committee", Name: "示范省职称评审委员会"}
)

// Seeder creates the demo's accounts, units and notices in an empty event store.
type Seeder struct {
	Events      *eventstore.Client
	Executor    *commands.Executor
	Identity    *identity.Provider
	Catalog     *catalog.Catalog
	Clock       func() time.Time
	Logger      *slog.Logger
	WaitApplied func(ctx context.Context, position uint64) error // returns once sign-in has applied the events up to a position
}

// Seed creates the demo's accounts, units and notices by running real commands. Every step is idempotent, so a
// seeding that was cut short is completed by the next start; a store that holds other people's data is left alone.
func (n Seeder) Seed(ctx context.Context) error {
	others, err := n.holdsOtherData(ctx)
	if err != nil {
		return err
	}
	if others {
		n.Logger.Warn("--demo: the event store holds data that is not the demo's, so nothing is seeded")
		return nil
	}
	// Passwords are what takes long; meanwhile the events are written.
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return n.seedAccounts(gctx) })
	g.Go(func() error { return n.seedOffices(gctx) })
	if err := g.Wait(); err != nil {
		return err
	}
	return n.seedRoles(ctx)
}

// seedOffices writes the organizations, the units and the notices.
func (n Seeder) seedOffices(ctx context.Context) error {
	if err := n.seedOrganizations(ctx); err != nil {
		return err
	}
	for _, u := range Units {
		if err := n.seedUnit(ctx, u); err != nil {
			return err
		}
	}
	return n.seedNotices(ctx)
}

// holdsOtherData tells whether the store's first event is not the demo's. Roles that an operator gave before the first start
// are nobody's data.
func (n Seeder) holdsOtherData(ctx context.Context) (bool, error) {
	for after, more := uint64(0), true; more; {
		page, err := n.Events.ReadAll(ctx, eventstore.All{After: after, Limit: 100})
		if err != nil {
			return false, err
		}
		for _, e := range page.Events {
			if _, role := e.Event.(account.Event); !role {
				return e.Meta.Actor != Actor.ID, nil
			}
		}
		after, more = page.Next, page.More
	}
	return false, nil
}

// organizationTree is the demo's organizations, each behind the one above it, with the account that acts for it.
func organizationTree() []organization.State {
	tree := []organization.State{
		{ID: Bureau.ID, Name: Bureau.Name, Kind: organization.KindBureau, Officers: officersOf("bureau")},
		{ID: Department.ID, Name: Department.Name, Kind: organization.KindDepartment, Parent: Bureau.ID, Officers: officersOf("department")},
		{ID: Committee.ID, Name: Committee.Name, Kind: organization.KindCommittee, Parent: Bureau.ID, Officers: officersOf("committee")},
	}
	for i, u := range Units {
		tree = append(tree, organization.State{ID: u.USCC, Name: u.Name, Kind: organization.KindUnit, Parent: Department.ID,
			Officers: officersOf([]string{"unit", "unit2"}[i])})
	}
	return tree
}

func officersOf(login string) []organization.Officer {
	return []organization.Officer{{Account: AccountID(login)}}
}

// seedOrganizations builds the tree with its officers. Its commands have keys, so that a later start takes nothing
// back that an admin has done meanwhile.
func (n Seeder) seedOrganizations(ctx context.Context) error {
	for _, o := range organizationTree() {
		for step, c := range []organization.Command{
			organization.Create{Name: o.Name, Kind: o.Kind, Parent: o.Parent}, organization.GrantOfficer{Account: o.Officers[0].Account},
		} {
			env := commands.Envelope{Actor: Actor, Key: fmt.Sprintf("organization %d", step)}
			if _, err := n.Executor.Organization(ctx, env, o.ID, c); err != nil {
				return fmt.Errorf("organization %s: %w", o.Name, err)
			}
		}
	}
	return nil
}

func (n Seeder) seedUnit(ctx context.Context, u Unit) error {
	env := commands.Envelope{Actor: Actor}
	_, err := n.Executor.Unit(ctx, env, u.USCC, unit.Register{USCC: u.USCC, Name: u.Name, Department: Department, OverrideReason: "演示"})
	if err != nil && !errors.Is(err, unit.ErrRegistered) {
		return fmt.Errorf("register %s: %w", u.Name, err)
	}
	if _, err := n.Executor.Unit(ctx, env, u.USCC, unit.Approve{}); err != nil {
		return fmt.Errorf("approve %s: %w", u.Name, err)
	}
	return nil
}

// seedNotices opens a notice of each type, and besides one that is closed and one that is not open yet.
func (n Seeder) seedNotices(ctx context.Context) error {
	now := n.Clock().UTC().Truncate(time.Hour)
	for _, line := range n.Catalog.Lines() {
		for _, typ := range line.Types {
			content := notice.Content{
				Type: typ.Key, Title: text.Of("demo.notice", text.Args{"year": now.Year(), "type": typ.Name}).ZH, Year: now.Year(),
				OpensAt: now.AddDate(0, 0, -1), ClosesAt: now.AddDate(2, 0, 0), Instructions: text.Of("demo.instructions", nil).ZH,
				Batch: text.Of("demo.batch", nil).ZH, Bureau: Bureau, Committee: Committee, CorrectionDays: 30,
			}
			if err := n.seedNotice(ctx, typ.Key, content, false); err != nil {
				return err
			}
			if typ.Key != "title.regular" {
				continue
			}
			closed, upcoming := content, content
			closed.Title, closed.Year = text.Of("demo.notice", text.Args{"year": now.Year() - 1, "type": typ.Name}).ZH, now.Year()-1
			upcoming.Title, upcoming.Year = text.Of("demo.notice", text.Args{"year": now.Year() + 1, "type": typ.Name}).ZH, now.Year()+1
			upcoming.OpensAt = now.AddDate(1, 0, 0)
			if err := n.seedNotice(ctx, "closed", closed, true); err != nil {
				return err
			}
			if err := n.seedNotice(ctx, "upcoming", upcoming, false); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n Seeder) seedNotice(ctx context.Context, key string, content notice.Content, closing bool) error {
	env, id := commands.Envelope{Actor: Actor}, NoticeID(key)
	steps := []notice.Command{notice.Draft{Content: content}, notice.Publish{}}
	if closing {
		steps = append(steps, notice.Close{})
	}
	for _, c := range steps {
		_, err := n.Executor.Notice(ctx, env, id, c)
		if err != nil && !errors.Is(err, notice.ErrExists) && !errors.Is(err, notice.ErrClosed) {
			return fmt.Errorf("notice %s: %w", key, err)
		}
	}
	return nil
}

// NoticeID is fixed, so that seeding twice makes no second notice.
func NoticeID(key string) uuid.UUID { return domain.DerivedID("demo", "notice", key) }

// AccountID is fixed, so that the demo's grants can name accounts that are made after them.
func AccountID(login string) string {
	return domain.DerivedID("demo", "account", login).String()
}

// seedAccounts makes everybody, with the roles that belong to no organization, and waits until all of them are in force. A
// role has a key, as an officer's grant has.
func (n Seeder) seedAccounts(ctx context.Context) error {
	accounts := []identity.Account{
		{Login: "applicant", Name: "王小明", Applicant: true},
		{Login: "applicant2", Name: "李小红", Applicant: true},
		{Login: "bureau", Name: "人社厅经办人"},
		{Login: "department", Name: "教育厅经办人"},
		{Login: "committee", Name: "评委会经办人"},
		{Login: "auditor", Name: "审计员"},
		{Login: "analyst", Name: "分析员"},
		{Login: "admin", Name: "管理员"},
	}
	for i, u := range Units {
		accounts = append(accounts, identity.Account{Login: []string{"unit", "unit2"}[i], Name: u.Name + "经办人"})
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, a := range accounts {
		g.Go(func() error {
			a.ID = AccountID(a.Login)
			if _, err := n.Identity.EnsureAccount(ctx, a, Password); err != nil {
				return fmt.Errorf("account %s: %w", a.Login, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// seedRoles gives the accounts their roles, and waits until those are in force.
func (n Seeder) seedRoles(ctx context.Context) error {
	var last uint64
	for _, role := range domain.GrantableRoles() {
		id := AccountID(string(role))
		r, err := n.Executor.Account(ctx, commands.Envelope{Actor: Actor, Key: "role " + id}, id, account.Grant{Role: role})
		if err != nil {
			return fmt.Errorf("role %s: %w", role, err)
		}
		last = max(last, r.Position)
	}
	return n.WaitApplied(ctx, last)
}
