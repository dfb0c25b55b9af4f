package commands

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/domain/binding"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/domain/notice"
	"zhiping/domain/organization"
	"zhiping/domain/quota"
	"zhiping/domain/unit"
)

// Index answers the questions across streams that no single stream can. Answers may lag; what they name is
// loaded from the event store before it counts.
type Index interface {
	// Declarations lists the applicant's declarations.
	Declarations(ctx context.Context, applicant string) ([]uuid.UUID, error)
	// PassedOn lists the declarations for a notice that a unit has passed on. Those with a claim of its quota may be
	// missing.
	PassedOn(ctx context.Context, notice uuid.UUID, unit string) ([]uuid.UUID, error)
	// Below tells whether open organizations lie directly below one.
	Below(ctx context.Context, organization string) (bool, error)
	// Waiting tells whether declarations wait for the organization's decision.
	Waiting(ctx context.Context, organization string) (bool, error)
}

// rememberBytes bounds the memory of folded streams, by the sizes that aggregates tell.
const rememberBytes = 128 << 20

// Config is what an Executor is made of. All but Observe and Tracer is required.
type Config struct {
	Store      EventStore
	Index      Index
	People     People
	Definition func(typ string) (catalog.Definition, bool)           // the newest definition of a type
	Compile    func(catalog.Definition) (declaration.Checker, error) // pure; results are cached
	Clock      func() time.Time
	NewID      func() uuid.UUID
	// Remember is how many folded streams stay in memory, within rememberBytes; 0 means 20,000.
	Remember int
	// Observe hears of every command once it is done, for logs and metrics. It must not block.
	Observe func(context.Context, Report)
	// Tracer makes a span of each command, with its load and its decision, within the trace of its context.
	Tracer trace.Tracer
}

// Validate joins all faults of the configuration.
func (c Config) Validate() error {
	var errs []error
	for _, required := range []struct {
		name    string
		missing bool
	}{
		{"Store", c.Store == nil}, {"Index", c.Index == nil}, {"People", c.People == nil}, {"Definition", c.Definition == nil},
		{"Compile", c.Compile == nil}, {"Clock", c.Clock == nil}, {"NewID", c.NewID == nil},
	} {
		if required.missing {
			errs = append(errs, fmt.Errorf("commands: Config.%s is missing", required.name))
		}
	}
	return errors.Join(errs...)
}

// Executor runs every command there is. Safe for concurrent use.
type Executor struct {
	store      EventStore
	index      Index
	people     People
	definition func(string) (catalog.Definition, bool)
	compile    func(catalog.Definition) (declaration.Checker, error)
	clock      func() time.Time
	newID      func() uuid.UUID
	observe    func(context.Context, Report)
	tracer     trace.Tracer
	types      map[reflect.Type]domain.EventType
	turns      [1024]chan struct{} // one at a time a stream; streams share them by hash
	cache      *memory
	checkers   *lru.Cache[uuid.UUID, declaration.Checker]
}

// EventTypes joins the lists of all aggregates that the executor knows.
func EventTypes() []domain.EventType {
	var all []domain.EventType
	for _, list := range [][]domain.EventType{
		unit.EventTypes(), binding.EventTypes(), notice.EventTypes(), declaration.EventTypes(), organization.EventTypes(), quota.EventTypes(),
		account.EventTypes(),
	} {
		all = append(all, list...)
	}
	return all
}

// New makes an Executor.
func New(c Config) (*Executor, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Remember == 0 {
		c.Remember = 20_000
	}
	cache, err := newMemory(c.Remember, rememberBytes)
	if err != nil {
		return nil, err
	}
	// A definition's compiled form is large; a province has some dozens of open notices.
	checkers, err := lru.New[uuid.UUID, declaration.Checker](256)
	if err != nil {
		return nil, fmt.Errorf("commands: cache: %w", err)
	}
	x := &Executor{
		store: c.Store, index: c.Index, people: c.People, definition: c.Definition, compile: c.Compile, clock: c.Clock,
		newID: c.NewID, observe: c.Observe, tracer: c.Tracer, cache: cache, checkers: checkers, types: map[reflect.Type]domain.EventType{},
	}
	if x.observe == nil {
		x.observe = func(context.Context, Report) {}
	}
	if x.tracer == nil {
		x.tracer = noop.NewTracerProvider().Tracer("")
	}
	for i := range x.turns {
		x.turns[i] = make(chan struct{}, 1)
	}
	for _, t := range EventTypes() {
		x.types[typeKey(t.Zero)] = t
	}
	return x, nil
}

var (
	units         = aggregate[unit.State, unit.Facts, unit.Command, unit.Event]{category: domain.CategoryUnit, name: unit.CommandName, decide: unit.Decide, evolve: unit.Evolve}
	bindings      = aggregate[binding.State, binding.Facts, binding.Command, binding.Event]{category: domain.CategoryBinding, name: binding.CommandName, decide: binding.Decide, evolve: binding.Evolve}
	notices       = aggregate[notice.State, notice.Facts, notice.Command, notice.Event]{category: domain.CategoryNotice, name: notice.CommandName, decide: notice.Decide, evolve: notice.Evolve, size: notice.State.Size}
	declarations  = aggregate[declaration.State, declaration.Facts, declaration.Command, declaration.Event]{category: domain.CategoryDeclaration, name: declaration.CommandName, decide: declaration.Decide, evolve: declaration.Evolve, bytes: declaration.Bytes, size: declaration.State.Size}
	organizations = aggregate[organization.State, organization.Facts, organization.Command, organization.Event]{category: domain.CategoryOrganization, name: organization.CommandName, decide: organization.Decide, evolve: organization.Evolve}
	accounts      = aggregate[account.State, account.Facts, account.Command, account.Event]{category: domain.CategoryAccount, name: account.CommandName, decide: account.Decide, evolve: account.Evolve}
	quotas        = aggregate[quota.State, quota.Facts, quota.Command, quota.Event]{category: domain.CategoryQuota, name: quota.CommandName, decide: quota.Decide, evolve: quota.Evolve}
)
