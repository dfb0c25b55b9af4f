package commands_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/binding"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/domain/notice"
	"zhiping/domain/organization"
	"zhiping/domain/unit"
	"zhiping/infra/esdbserver"
	"zhiping/infra/eventstore"
)

const uscc = "12220000127701509T"

var (
	admin   = domain.Actor{ID: "admin", Name: "管理员", Roles: []domain.Role{domain.Admin}}
	officer = domain.Actor{ID: "officer", Roles: []domain.Role{domain.Unit}, Organization: domain.Organization{ID: uscc, Name: "示范大学"}}
	wang    = domain.Actor{ID: "wang", Name: "王一", Roles: []domain.Role{domain.Applicant}}
)

// nothing is an index of a world without declarations, whose accounts have no identity numbers.
type nothing struct{}

func (nothing) Declarations(context.Context, string) ([]uuid.UUID, error)        { return nil, nil }
func (nothing) PassedOn(context.Context, uuid.UUID, string) ([]uuid.UUID, error) { return nil, nil }
func (nothing) Registered(context.Context, string) (catalog.Person, error) {
	return catalog.Person{}, nil
}
func (nothing) Standing(context.Context, string) (commands.Standing, error) {
	return commands.Standing{}, nil
}
func (nothing) Below(context.Context, string) (bool, error)   { return false, nil }
func (nothing) Waiting(context.Context, string) (bool, error) { return false, nil }

// nodes makes executors that share one real event store, as nodes of one installation do.
func nodes(t *testing.T, n int) (*eventstore.Client, []*commands.Executor) {
	t.Helper()
	dir := t.TempDir()
	server, err := esdbserver.Open(t.Context(), esdbserver.Config{Path: dir, Socket: filepath.Join(dir, "es.sock")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close(context.Background()) })
	codec, err := eventstore.NewCodec(commands.EventTypes()...)
	if err != nil {
		t.Fatal(err)
	}
	client, err := eventstore.Open(eventstore.Config{Address: server.Endpoint()}, codec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	types, err := catalog.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]*commands.Executor, n)
	for i := range out {
		out[i], err = commands.New(commands.Config{
			Store: client, Index: nothing{}, People: nothing{}, Definition: types.Definition, Clock: time.Now, NewID: uuid.New,
			Compile: func(d catalog.Definition) (declaration.Checker, error) { return catalog.Compile(d) },
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	register(t, out[0])
	return client, out
}

func register(t *testing.T, x *commands.Executor) {
	t.Helper()
	env := commands.Envelope{Actor: admin}
	dept := domain.Organization{ID: "dept", Name: "主管部门"}
	for id, o := range map[string]organization.Create{
		dept.ID: {Name: dept.Name, Kind: organization.KindDepartment},
		"b":     {Name: "人社部门", Kind: organization.KindBureau}, "c": {Name: "评委会", Kind: organization.KindCommittee},
	} {
		if _, err := x.Organization(t.Context(), env, id, o); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := x.Unit(t.Context(), env, uscc, unit.Register{USCC: uscc, Name: "示范大学", Department: dept}); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Unit(t.Context(), env, uscc, unit.Approve{}); err != nil {
		t.Fatal(err)
	}
}

func events(t *testing.T, c *eventstore.Client, stream string) []domain.Recorded {
	t.Helper()
	list, err := c.Read(t.Context(), stream, 0)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestARetryAnswersAsTheFirstTimeFromAnyNode(t *testing.T) {
	client, nodes := nodes(t, 2)
	env := commands.Envelope{Actor: wang, Key: "bind-1", CorrelationID: "req-1", IP: "192.0.2.1"}
	first, err := nodes[0].Binding(t.Context(), env, wang.ID, binding.Bind{USCC: uscc})
	if err != nil {
		t.Fatal(err)
	}
	// Much happens before the retry: it would be refused if it were decided anew.
	if _, err := nodes[1].Binding(t.Context(), commands.Envelope{Actor: officer}, wang.ID, binding.Approve{}); err != nil {
		t.Fatal(err)
	}
	for i, x := range nodes {
		again, err := x.Binding(t.Context(), env, wang.ID, binding.Bind{USCC: uscc})
		if err != nil || again != first {
			t.Fatalf("node %d: %+v, %v; the first time %+v", i, again, err, first)
		}
	}
	list := events(t, client, "binding-wang")
	if len(list) != 2 {
		t.Fatalf("%d events, want the request and the approval", len(list))
	}
	m := list[0].Meta
	if m.Actor != "wang" || m.ActorName != "王一" || m.CorrelationID != "req-1" || m.IP != "192.0.2.1" || m.Command != "BindUnit" ||
		m.CommandID != commands.CommandID("wang", "bind-1") || m.SchemaVersion != 1 || m.At.IsZero() {
		t.Fatalf("metadata %+v", m)
	}
}

func TestAnOfficerDeclaresAsAnybodyElse(t *testing.T) {
	client, nodes := nodes(t, 1)
	both := officer
	both.Roles = []domain.Role{domain.Unit, domain.Applicant}
	if _, err := nodes[0].Binding(t.Context(), commands.Envelope{Actor: both}, both.ID, binding.Bind{USCC: uscc}); err != nil {
		t.Fatal(err)
	}
	if m := events(t, client, "binding-officer")[0].Meta; m.Role != domain.Applicant || m.Organization.ID != "" {
		t.Fatalf("recorded as %s of %v", m.Role, m.Organization)
	}
	if _, err := nodes[0].Binding(t.Context(), commands.Envelope{Actor: both}, both.ID, binding.Approve{}); !errors.Is(err, domain.ErrForbidden) {
		t.Fatalf("admits themselves: %v", err)
	}
}

func TestAKeyStandsForOneCommandOnly(t *testing.T) {
	_, nodes := nodes(t, 1)
	env := commands.Envelope{Actor: wang, Key: "k"}
	if _, err := nodes[0].Binding(t.Context(), env, wang.ID, binding.Bind{USCC: uscc}); err != nil {
		t.Fatal(err)
	}
	if _, err := nodes[0].Binding(t.Context(), env, wang.ID, binding.Unbind{}); !errors.Is(err, domain.ErrKeyReused) {
		t.Fatalf("another command under the same key: %v", err)
	}
}

func TestAStaleMemoryNeitherRefusesNorOverwrites(t *testing.T) {
	client, nodes := nodes(t, 2)
	a, b := nodes[0], nodes[1]
	ask := func(x *commands.Executor) error {
		_, err := x.Binding(t.Context(), commands.Envelope{Actor: wang}, wang.ID, binding.Bind{USCC: uscc})
		return err
	}
	leave := func(x *commands.Executor) error {
		_, err := x.Binding(t.Context(), commands.Envelope{Actor: wang}, wang.ID, binding.Unbind{})
		return err
	}
	for i, step := range []error{ask(a), leave(b), ask(a), leave(b), ask(b), leave(a)} {
		if step != nil {
			t.Fatalf("step %d is refused by what a node remembers: %v", i, step)
		}
	}
	if err := leave(b); !errors.Is(err, binding.ErrNotBound) {
		t.Fatalf("left twice: %v", err)
	}
	if n := len(events(t, client, "binding-wang")); n != 6 {
		t.Fatalf("%d events", n)
	}
}

func TestIfMatchHoldsOrNothingIsWritten(t *testing.T) {
	client, nodes := nodes(t, 1)
	id := uuid.New()
	content := notice.Content{Type: "title.regular", Title: "通知", Year: 2026, OpensAt: time.Now(), ClosesAt: time.Now().Add(time.Hour),
		Bureau: domain.Organization{ID: "b"}, Committee: domain.Organization{ID: "c"}}
	first, err := nodes[0].Notice(t.Context(), commands.Envelope{Actor: admin}, id, notice.Draft{Content: content})
	if err != nil {
		t.Fatal(err)
	}
	content.Title = "改过的通知"
	stale := first.Revision + 7
	if _, err := nodes[0].Notice(t.Context(), commands.Envelope{Actor: admin, IfMatch: &stale}, id, notice.Revise{Content: content}); !errors.Is(err, domain.ErrStaleRevision) {
		t.Fatalf("on another revision: %v", err)
	}
	if _, err := nodes[0].Notice(t.Context(), commands.Envelope{Actor: admin, IfMatch: &first.Revision}, id, notice.Revise{Content: content}); err != nil {
		t.Fatal(err)
	}
	if n := len(events(t, client, domain.Stream("notice", id.String()))); n != 2 {
		t.Fatalf("%d events", n)
	}
}

func TestWhoMayNotIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	client, nodes := nodes(t, 1)
	stranger := domain.Actor{ID: "li", Roles: []domain.Role{domain.Applicant}}
	other := domain.Actor{ID: "o2", Roles: []domain.Role{domain.Unit}, Organization: domain.Organization{ID: "91220101MA0Y3KQ208"}}
	if _, err := nodes[0].Binding(t.Context(), commands.Envelope{Actor: wang}, wang.ID, binding.Bind{USCC: uscc}); err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() error{
		"another applicant unbinds": func() error {
			_, err := nodes[0].Binding(t.Context(), commands.Envelope{Actor: stranger}, wang.ID, binding.Unbind{})
			return err
		},
		"an applicant publishes a notice": func() error {
			_, err := nodes[0].Notice(t.Context(), commands.Envelope{Actor: wang}, uuid.New(), notice.Publish{})
			return err
		},
		"an applicant approves a unit": func() error {
			_, err := nodes[0].Unit(t.Context(), commands.Envelope{Actor: wang}, uscc, unit.Approve{})
			return err
		},
	} {
		if err := try(); !errors.Is(err, domain.ErrForbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// An officer of another unit hears the same of a request to this one as of no request at all.
	for _, applicant := range []string{wang.ID, "nobody"} {
		if _, err := nodes[0].Binding(t.Context(), commands.Envelope{Actor: other}, applicant, binding.Approve{}); !errors.Is(err, domain.ErrForbidden) {
			t.Errorf("another unit approves %s: %v", applicant, err)
		}
	}
	if n := len(events(t, client, "binding-wang")); n != 1 {
		t.Fatalf("%d events", n)
	}
}

// Codes in real use fail their own check, so a reason is asked for instead of refusing them for good.
func TestAUnitWhoseCodeFailsItsCheckNeedsAReason(t *testing.T) {
	_, nodes := nodes(t, 1)
	const odd = "91350211M0000XUF46"
	ask := func(reason string) error {
		_, err := nodes[0].Unit(t.Context(), commands.Envelope{Actor: admin}, odd, unit.Register{
			USCC: odd, Name: "厦门某公司", Department: domain.Organization{ID: "dept"}, OverrideReason: reason})
		return err
	}
	if err := ask(""); !errors.Is(err, unit.ErrCheckFailed) {
		t.Fatalf("without a reason: %v", err)
	}
	if err := ask("营业执照如此"); err != nil {
		t.Fatalf("with a reason: %v", err)
	}
}

// Many nodes ask for one applicant at once: one request wins, and nobody hears anything but a clear refusal.
func TestOneOfManyAtOnceWins(t *testing.T) {
	client, nodes := nodes(t, 8)
	var wg sync.WaitGroup
	errs := make([]error, len(nodes))
	for i, x := range nodes {
		wg.Go(func() {
			_, errs[i] = x.Binding(t.Context(), commands.Envelope{Actor: wang, CorrelationID: fmt.Sprint(i)}, wang.ID, binding.Bind{USCC: uscc})
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, binding.ErrPending) && !errors.Is(err, domain.ErrConcurrentChange) {
			t.Errorf("lost with %v", err)
		}
	}
	if won != 1 || len(events(t, client, "binding-wang")) != 1 {
		t.Fatalf("%d won, %d events", won, len(events(t, client, "binding-wang")))
	}
}

// The answer to a command tells of the notice what its decision saw, also where another node has just extended it.
func TestTheNoticeOfAnAnswerIsTheOneDecidedOn(t *testing.T) {
	client, _ := nodes(t, 1)
	c := newCall(t, client, 0, 1)
	x := c.executor(client)
	before, err := x.DecidedOn(t.Context(), c.notice)
	if err != nil || before.Status != notice.StatusPublished {
		t.Fatalf("%v %+v", err, before.Status)
	}
	later := before.Content.ClosesAt.Add(time.Hour)
	if err := c.append(domain.Stream(domain.CategoryNotice, c.notice.String()), 1, notice.Extended{ClosesAt: later}); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Declaration(t.Context(), commands.Envelope{Actor: domain.Actor{ID: "person 0", Roles: []domain.Role{domain.Applicant}}}, c.all[0], declaration.Withdraw{}); err != nil {
		t.Fatal(err)
	}
	if after, err := x.DecidedOn(t.Context(), c.notice); err != nil || !after.Content.ClosesAt.Equal(later) {
		t.Fatalf("%v closes at %s", err, after.Content.ClosesAt)
	}
}
