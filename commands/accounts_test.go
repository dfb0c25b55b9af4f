package commands_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/account"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
)

// standings are accounts by id.
type standings map[string]commands.Standing

func (standings) Registered(context.Context, string) (catalog.Person, error) {
	return catalog.Person{}, nil
}

func (s standings) Standing(_ context.Context, account string) (commands.Standing, error) {
	if account == "away" {
		return commands.Standing{}, domain.NewError(domain.Unavailable, "identity_store_unavailable")
	}
	return s[account], nil
}

func rolesExecutor(t *testing.T, store commands.EventStore, people commands.People, now time.Time) *commands.Executor {
	t.Helper()
	x, err := commands.New(commands.Config{
		Store: store, Index: noIndex{}, People: people, Clock: func() time.Time { return now }, NewID: uuid.New,
		Definition: func(string) (catalog.Definition, bool) { return catalog.Definition{}, false },
		Compile:    func(catalog.Definition) (declaration.Checker, error) { return nil, errors.New("unused") },
	})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// Who may give and take roles, and what an event says of who did.
func TestEveryRoleIsGivenAndTakenByAnEvent(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	people := standings{
		"root": {Known: true, OtherAdmin: true}, "li": {Known: true, OtherAdmin: true}, "wang": {Known: true}, "gone": {},
		"shut": {Known: true, Disabled: true}, "old": {Known: true, OtherAdmin: true, Roles: []account.Held{{Role: domain.Auditor}}},
	}
	store := streamsOfOrganizations{}
	x := rolesExecutor(t, store, people, now)
	as := func(id string, r domain.Role) commands.Envelope {
		return commands.Envelope{Actor: domain.Actor{ID: id, Roles: []domain.Role{r}}, IP: "192.0.2.1"}
	}
	admin, operator, program := as("root", domain.Admin), as("operator", domain.Operator), as("zhiping", domain.System)
	past := now.Add(-time.Second)
	claim := account.Claim{Issuer: "https://id.example", Roles: []account.Claimed{{Role: domain.Auditor}}}
	for _, step := range []struct {
		name string
		env  commands.Envelope
		id   string
		cmd  account.Command
		err  error
	}{
		{"by an admin", admin, "li", account.Grant{Role: domain.Admin}, nil},
		{"again", admin, "li", account.Grant{Role: domain.Admin}, nil},
		{"by the operator", operator, "li", account.Grant{Role: domain.Auditor}, nil},
		{"by an auditor", as("a", domain.Auditor), "a", account.Grant{Role: domain.Admin}, domain.ErrForbidden},
		{"by nobody", commands.Envelope{}, "a", account.Grant{Role: domain.Admin}, domain.ErrForbidden},
		{"to nobody", admin, "gone", account.Grant{Role: domain.Auditor}, account.ErrNotFound},
		{"to a disabled account", admin, "shut", account.Grant{Role: domain.Auditor}, account.ErrDisabled},
		{"with an end in the past", admin, "li", account.Grant{Role: domain.Analyst, Expires: &past}, domain.ErrInvalid},
		{"one's own, taken", as("li", domain.Admin), "li", account.Revoke{Role: domain.Admin}, account.ErrOwnAdmin},
		{"taken by another admin", admin, "li", account.Revoke{Role: domain.Admin}, nil},
		{"the last one's", operator, "wang", account.Grant{Role: domain.Admin}, nil},
		{"taken by an admin", admin, "wang", account.Revoke{Role: domain.Admin}, account.ErrLastAdmin},
		{"taken by the operator", operator, "wang", account.Revoke{Role: domain.Admin}, nil},
		{"a claim by an admin", admin, "li", claim, domain.ErrForbidden},
		{"a claim", program, "li", claim, nil},
		{"the same claim", program, "li", claim, nil},
		{"everything by an admin", admin, "li", account.RevokeAll{}, domain.ErrForbidden},
		{"everything", operator, "li", account.RevokeAll{}, nil},
		{"a record by an admin", admin, "old", account.Record{Role: domain.Auditor}, domain.ErrForbidden},
		{"a record", program, "old", account.Record{Role: domain.Auditor}, nil},
		{"while accounts are away", admin, "away", account.Grant{Role: domain.Auditor}, domain.NewError(domain.Unavailable, "identity_store_unavailable")},
	} {
		if _, err := x.Account(t.Context(), step.env, step.id, step.cmd); !errors.Is(err, step.err) || (err == nil) != (step.err == nil) {
			t.Errorf("%s: %v, want %v", step.name, err, step.err)
		}
	}
	for stream, want := range map[string][]string{
		"account-li": {"RoleGranted admin of admin by root", "RoleGranted auditor of operator by operator", "RoleRevoked admin of admin by root",
			"RoleGranted auditor of provider by zhiping", "RoleRevoked auditor of operator by operator", "RoleRevoked auditor of operator by operator"},
		"account-wang": {"RoleGranted admin of operator by operator", "RoleRevoked admin of operator by operator"},
		"account-old":  {"RoleGranted auditor of recorded_before by zhiping"},
		"account-gone": nil, "account-shut": nil, "account-away": nil, "account-a": nil,
	} {
		var got []string
		for _, e := range store[stream] {
			switch event := e.Event.(type) {
			case account.RoleGranted:
				got = append(got, e.Type+" "+string(event.Role)+" of "+string(event.Origin)+" by "+e.Meta.Actor)
			case account.RoleRevoked:
				got = append(got, e.Type+" "+string(event.Role)+" of "+string(event.Origin)+" by "+e.Meta.Actor)
			}
			if e.Meta.IP != "192.0.2.1" || !e.Meta.At.Equal(now) {
				t.Errorf("%s %s: %+v", stream, e.Type, e.Meta)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s tells %v, want %v", stream, got, want)
		}
	}
}

// Nodes that start together after an upgrade all find the same role that no event tells of.
func TestManyNodesTellOfAnEarlierGrantOnce(t *testing.T) {
	client, _ := nodes(t, 1)
	people := standings{"old": {Known: true, Roles: []account.Held{{Role: domain.Admin}}}}
	program := commands.Envelope{Actor: domain.Actor{ID: "zhiping", Roles: []domain.Role{domain.System}}}
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		x := rolesExecutor(t, client, people, time.Now())
		wg.Go(func() { _, errs[i] = x.Account(t.Context(), program, "old", account.Record{Role: domain.Admin}) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if n := len(events(t, client, "account-old")); n != 1 {
		t.Fatalf("%d events", n)
	}
}
