package commands_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/domain/quota"
)

// failing lets the appends to one stream fail, before or after something happens.
type failing struct {
	commands.EventStore
	stream string
	before func() error
}

func (f *failing) Append(ctx context.Context, stream string, expected int64, events []domain.Proposed) (commands.Appended, error) {
	if before := f.before; before != nil && stream == f.stream {
		f.before = nil
		if err := before(); err != nil {
			return commands.Appended{}, err
		}
	}
	return f.EventStore.Append(ctx, stream, expected, events)
}

// crashing is a node that crashes between the claim and the approval of a declaration, once.
func crashing(c *call, id uuid.UUID) *commands.Executor {
	return c.executor(&failing{c.store, domain.Stream(domain.CategoryDeclaration, id.String()), func() error { return commands.ErrStoreUnavailable }})
}

func TestAClaimLeftByACrashKeepsItsPlaceUntilItsDeclarationIsDecided(t *testing.T) {
	client, _ := nodes(t, 1)
	for name, ex := range map[string]struct{ again commands.Envelope }{
		"by the same officer's retry":   {commands.Envelope{Actor: byUnit(1).Actor, Key: "click-1"}},
		"by the same officer anew":      {byUnit(1)},
		"by another officer of another": {byUnit(2)},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCall(t, client, 1, 2)
			x, other := crashing(c, c.all[0]), c.executor(client)
			first := commands.Envelope{Actor: byUnit(1).Actor, Key: "click-1"}
			if err := approve(x, first, c.all[0]); !errors.Is(err, commands.ErrStoreUnavailable) || c.claims() != 1 {
				t.Fatalf("the crash: %v, %d claims", err, c.claims())
			}
			if err := approve(other, byUnit(2), c.all[1]); !errors.Is(err, quota.ErrExhausted) {
				t.Fatalf("the other declaration, while the place is claimed: %v", err)
			}
			if err := approve(other, ex.again, c.all[0]); err != nil || c.claims() != 1 {
				t.Fatalf("once more: %v, %d claims", err, c.claims())
			}
			if err := approve(x, ex.again, c.all[0]); ex.again.Key != "" && err != nil || ex.again.Key == "" && !errors.Is(err, declaration.ErrWrongStage) {
				t.Fatalf("and once more: %v", err)
			}
			if got := c.passedOn(); !slices.Equal(got, c.all[:1]) {
				t.Fatalf("passed on %v", got)
			}
		})
	}
}

func TestAVoidClaimLeavesItsPlaceToOthers(t *testing.T) {
	client, _ := nodes(t, 1)
	c := newCall(t, client, 1, 2)
	x := c.executor(client)
	key := commands.Envelope{Actor: byUnit(1).Actor, Key: "click-1"}
	if err := approve(crashing(c, c.all[0]), key, c.all[0]); !errors.Is(err, commands.ErrStoreUnavailable) {
		t.Fatal(err)
	}
	if err := sendBack(x, officer, c.all[0]); err != nil {
		t.Fatal(err)
	}
	if err := approve(x, byUnit(2), c.all[1]); err != nil {
		t.Fatalf("after the return: %v", err)
	}
	c.resubmit(c.all[0])
	if err := approve(x, key, c.all[0]); !errors.Is(err, quota.ErrExhausted) {
		t.Fatalf("the place is another's now: %v", err)
	}
	// One that comes back from above keeps its place until it is handed in at the unit again.
	if err := sendBack(x, educator, c.all[1]); err != nil {
		t.Fatal(err)
	}
	if err := approve(x, key, c.all[0]); !errors.Is(err, quota.ErrExhausted) {
		t.Fatalf("while it is only returned: %v", err)
	}
	c.resubmit(c.all[1])
	if err := approve(x, key, c.all[0]); err != nil || c.claims() != 3 {
		t.Fatalf("once it is resubmitted: %v, %d claims", err, c.claims())
	}
	if err := approve(x, byUnit(2), c.all[1]); !errors.Is(err, quota.ErrExhausted) || !slices.Equal(c.passedOn(), c.all[:1]) {
		t.Fatalf("in the end: %v, passed on %v", err, c.passedOn())
	}
}

// Whoever decides otherwise between the claim and the approval wins, and the place is free again.
func TestADecisionBetweenClaimAndApprovalIsHeardOf(t *testing.T) {
	client, _ := nodes(t, 1)
	for name, ex := range map[string]struct {
		ifMatch *uint64
		err     error
	}{
		"without a condition": {nil, domain.ErrConcurrentChange},
		"with If-Match":       {new(uint64), domain.ErrStaleRevision},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCall(t, client, 1, 2)
			other := c.executor(client)
			x := c.executor(&failing{client, domain.Stream(domain.CategoryDeclaration, c.all[0].String()), func() error { return sendBack(other, officer, c.all[0]) }})
			env := byUnit(1)
			if env.IfMatch = ex.ifMatch; env.IfMatch != nil {
				*env.IfMatch = 1
			}
			if err := approve(x, env, c.all[0]); !errors.Is(err, ex.err) {
				t.Fatal(err)
			}
			if err := approve(other, byUnit(2), c.all[1]); err != nil || !slices.Equal(c.passedOn(), c.all[1:]) {
				t.Fatalf("%v, passed on %v", err, c.passedOn())
			}
		})
	}
}

// One key stands for all declarations of a bulk approval; its retry answers for each as the first time.
func TestABulkApprovalUnderOneKeyTakesAPlaceForEach(t *testing.T) {
	client, _ := nodes(t, 1)
	c := newCall(t, client, 2, 3)
	env := commands.Envelope{Actor: byUnit(1).Actor, Key: "bulk-1"}
	for _, x := range []*commands.Executor{c.executor(client), c.executor(client)} {
		for i, id := range c.all {
			r, err := x.Declaration(t.Context(), env, id, declaration.ApproveStage{})
			if i < 2 && (err != nil || r.State.Stage != "department" || r.Revision != 2) || i == 2 && !errors.Is(err, quota.ErrExhausted) {
				t.Fatalf("declaration %d: %v %+v", i, err, r)
			}
		}
	}
	if got := c.passedOn(); c.claims() != 2 || !slices.Equal(got, c.all[:2]) {
		t.Fatalf("%d claims, passed on %v", c.claims(), got)
	}
}
