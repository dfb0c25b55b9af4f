package commands_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/domain/notice"
	"zhiping/domain/quota"
)

var (
	university = domain.Organization{ID: uscc, Name: "示范大学"}
	education  = domain.Organization{ID: "dept", Name: "主管部门"}
	board      = domain.Organization{ID: "board", Name: "评委会"}
	educator   = domain.Actor{ID: "educator", Roles: []domain.Role{domain.Department}, Organization: education}

	// grade3 is compiled once: its notices are many below.
	grade3 = sync.OnceValue(func() declaration.Checker {
		types, err := catalog.Load(nil)
		if err != nil {
			panic(err)
		}
		d, _ := types.Definition("grade3.assessment")
		c, err := catalog.Compile(d)
		if err != nil {
			panic(err)
		}
		return c
	})
)

// call is a notice with a quota, and the declarations that people have handed in for it.
type call struct {
	t      testing.TB
	store  commands.EventStore
	notice uuid.UUID
	all    []uuid.UUID
	passed func() []uuid.UUID // what the views say; nil for what the streams say
}

// newCall publishes a notice and hands declarations in, as far as their streams tell.
func newCall(t testing.TB, store commands.EventStore, places, declarations int) *call {
	t.Helper()
	c := &call{t: t, store: store, notice: uuid.New()}
	content := notice.Content{Type: "grade3.assessment", Title: "考核通知", Year: 2026, Quota: places, Committee: board,
		OpensAt: time.Now().Add(-time.Hour), ClosesAt: time.Now().Add(time.Hour)}
	errs := []error{c.append(domain.Stream(domain.CategoryNotice, c.notice.String()), commands.NoStream,
		notice.Drafted{Content: content}, notice.Published{Definition: grade3().Definition()})}
	for i := range declarations {
		id := domain.DeclarationID(c.notice, fmt.Sprint("person ", i))
		c.all = append(c.all, id)
		errs = append(errs, c.append(domain.Stream(domain.CategoryDeclaration, id.String()), commands.NoStream, declaration.Started{
			ID: id, Notice: declaration.NoticeRef{ID: c.notice}, Applicant: domain.Organization{ID: fmt.Sprint("person ", i)}, Unit: university, Department: education,
		}, c.submission(1)))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return c
}

// submission is at the first stage, the unit's.
func (c *call) submission(round int) declaration.Submitted {
	return declaration.Submitted{Round: round, Unit: university, Department: education, Stage: "unit", Route: []declaration.Stage{
		{Key: "unit", Kind: catalog.StageUnit, Organization: university}, {Key: "department", Kind: catalog.StageDepartment, Organization: education},
		{Key: "committee", Kind: catalog.StageCommittee, Organization: board},
	}}
}

func (c *call) append(stream string, expected int64, events ...any) error {
	names := map[string]domain.EventType{}
	for _, typ := range commands.EventTypes() {
		names[fmt.Sprintf("%T", typ.Zero)] = typ
	}
	proposed := make([]domain.Proposed, len(events))
	for i, e := range events {
		typ := names[fmt.Sprintf("%T", e)]
		proposed[i] = domain.Proposed{ID: uuid.New(), Type: typ.Name, Event: e, Meta: domain.Metadata{CommandID: uuid.New(), SchemaVersion: typ.Version}}
	}
	_, err := c.store.Append(context.Background(), stream, expected, proposed)
	return err
}

// state folds a declaration, and tells the revision that it is at.
func (c *call) state(id uuid.UUID) (s declaration.State, revision int64) {
	c.t.Helper()
	events, err := c.store.Read(context.Background(), domain.Stream(domain.CategoryDeclaration, id.String()), 0)
	if err != nil {
		c.t.Error(err)
	}
	for _, e := range events {
		s = declaration.Evolve(s, e.Event.(declaration.Event))
	}
	return s, int64(len(events)) - 1
}

// resubmit hands a returned declaration in again, at the unit's stage, unless somebody is faster.
func (c *call) resubmit(id uuid.UUID) {
	if s, revision := c.state(id); s.Status == declaration.StatusReturned {
		_ = c.append(domain.Stream(domain.CategoryDeclaration, id.String()), revision, c.submission(s.Round+1))
	}
}

// passedOn are the declarations that the unit has passed on.
func (c *call) passedOn() (ids []uuid.UUID) {
	c.t.Helper()
	for _, id := range c.all {
		if s, _ := c.state(id); s.PassedOn {
			ids = append(ids, id)
		}
	}
	return ids
}

func (c *call) claims() int {
	c.t.Helper()
	events, err := c.store.Read(context.Background(), domain.Stream(domain.CategoryQuota, quota.ID(c.notice, uscc)), 0)
	if err != nil {
		c.t.Fatal(err)
	}
	return len(events)
}

// executor is a node of its own.
func (c *call) executor(store commands.EventStore) *commands.Executor {
	c.t.Helper()
	x, err := commands.New(commands.Config{
		Store: store, Index: viewsOf{call: c}, People: nothing{}, Clock: time.Now, NewID: uuid.New,
		Definition: func(string) (catalog.Definition, bool) { return grade3().Definition(), true },
		Compile:    func(catalog.Definition) (declaration.Checker, error) { return grade3(), nil },
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return x
}

// viewsOf are views that have caught up with the streams of a call.
type viewsOf struct {
	nothing
	*call
}

func (v viewsOf) PassedOn(context.Context, uuid.UUID, string) ([]uuid.UUID, error) {
	if v.passed != nil {
		return v.passed(), nil
	}
	return v.passedOn(), nil
}

func approve(x *commands.Executor, env commands.Envelope, id uuid.UUID) error {
	_, err := x.Declaration(context.Background(), env, id, declaration.ApproveStage{})
	return err
}

func sendBack(x *commands.Executor, by domain.Actor, id uuid.UUID) error {
	_, err := x.Declaration(context.Background(), commands.Envelope{Actor: by}, id, declaration.Return{Opinion: "请补充", Modules: []string{"summary"}})
	return err
}

// byUnit is an officer of the unit.
func byUnit(n int) commands.Envelope {
	a := officer
	a.ID = fmt.Sprint("officer ", n)
	return commands.Envelope{Actor: a}
}

// Many officers of one unit approve everything at once on several nodes with one event store: as many pass as there
// are places, whether the views have caught up or know nothing.
func TestAQuotaIsUsedUpExactlyByManyOfficersOnManyNodes(t *testing.T) {
	client, _ := nodes(t, 1)
	const places, declarations, machines, officers = 3, 8, 4, 2
	for name, passed := range map[string]func() []uuid.UUID{"views that have caught up": nil, "views that know nothing": func() []uuid.UUID { return nil }} {
		t.Run(name, func(t *testing.T) {
			for round := range 6 {
				c := newCall(t, client, places, declarations)
				c.passed = passed
				var wg sync.WaitGroup
				for n := range machines {
					x := c.executor(client)
					for o := range officers {
						wg.Go(func() { approveAll(t, x, byUnit(n*officers+o), c.all) })
					}
				}
				wg.Wait()
				if got := c.passedOn(); len(got) != places {
					t.Fatalf("round %d: %d passed on, of %d places", round, len(got), places)
				}
			}
		})
	}
}

// approveAll clicks on everything, in an order of its own, and again where somebody else was at it.
func approveAll(t *testing.T, x *commands.Executor, env commands.Envelope, ids []uuid.UUID) {
	ids = slices.Clone(ids)
	rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	for _, id := range ids {
		err := approve(x, env, id)
		for errors.Is(err, domain.ErrConcurrentChange) {
			err = approve(x, env, id)
		}
		if err != nil && !errors.Is(err, quota.ErrExhausted) && !errors.Is(err, quota.ErrNone) && !errors.Is(err, declaration.ErrWrongStage) {
			t.Error(err)
		}
	}
}
