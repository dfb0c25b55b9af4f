package commands_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/binding"
	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
	"zhiping/domain/organization"
	"zhiping/domain/unit"
)

// streamsOfOrganizations is an event store in memory, for one caller at a time.
type streamsOfOrganizations map[string][]domain.Recorded

func (m streamsOfOrganizations) Read(_ context.Context, stream string, from uint64) ([]domain.Recorded, error) {
	events := m[stream]
	return slices.Clone(events[min(from, uint64(len(events))):]), nil
}

func (m streamsOfOrganizations) Append(_ context.Context, stream string, expected int64, events []domain.Proposed) (commands.Appended, error) {
	if int64(len(m[stream]))-1 != expected {
		return commands.Appended{}, commands.ErrConflict
	}
	for _, e := range events {
		n := uint64(len(m[stream]))
		m[stream] = append(m[stream], domain.Recorded{Stream: stream, Revision: n, Position: n, ID: e.ID, Type: e.Type, Meta: e.Meta, Event: e.Event})
	}
	last := uint64(len(m[stream]) - 1)
	return commands.Appended{Revision: last, Position: last}, nil
}

type noIndex struct{}

func (noIndex) Declarations(context.Context, string) ([]uuid.UUID, error)        { return nil, nil }
func (noIndex) PassedOn(context.Context, uuid.UUID, string) ([]uuid.UUID, error) { return nil, nil }
func (noIndex) Registered(context.Context, string) (catalog.Person, error) {
	return catalog.Person{}, nil
}
func (noIndex) Standing(context.Context, string) (commands.Standing, error) {
	return commands.Standing{}, nil
}
func (noIndex) Below(_ context.Context, organization string) (bool, error) {
	return organization == "hrss", nil
}
func (noIndex) Waiting(_ context.Context, organization string) (bool, error) {
	return organization == "busy", nil
}

func TestAnAdminBuildsTheTreeOfOrganizations(t *testing.T) {
	store := streamsOfOrganizations{}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	x, err := commands.New(commands.Config{
		Store: store, Index: noIndex{}, People: noIndex{}, Clock: func() time.Time { return now }, NewID: uuid.New,
		Definition: func(string) (catalog.Definition, bool) { return catalog.Definition{}, false },
		Compile:    func(catalog.Definition) (declaration.Checker, error) { return nil, errors.New("unused") },
	})
	if err != nil {
		t.Fatal(err)
	}
	admin := commands.Envelope{Actor: domain.Actor{ID: "admin", Roles: []domain.Role{domain.Admin}}}
	run := func(env commands.Envelope, id string, c organization.Command) error {
		_, err := x.Organization(t.Context(), env, id, c)
		return err
	}
	past := now.Add(-time.Hour)
	for _, step := range []struct {
		name string
		env  commands.Envelope
		id   string
		cmd  organization.Command
		err  error
	}{
		{"a bureau", admin, "hrss", organization.Create{Name: "人社厅", Kind: organization.KindBureau}, nil},
		{"a department below it", admin, "edu", organization.Create{Name: "教育厅", Kind: organization.KindDepartment, Parent: "hrss"}, nil},
		{"below nobody", admin, "x", organization.Create{Name: "某厅", Kind: organization.KindDepartment, Parent: "nowhere"}, organization.ErrParentUnknown},
		{"an officer", admin, "edu", organization.GrantOfficer{Account: "a1"}, nil},
		{"a grant that has ended", admin, "edu", organization.GrantOfficer{Account: "a2", Expires: &past}, domain.ErrInvalid},
		{"another name", admin, "edu", organization.Rename{Name: "省教育厅"}, nil},
		{"no officer any more", admin, "edu", organization.RevokeGrant{Account: "a1"}, nil},
		{"a closure above it", admin, "hrss", organization.Close{}, organization.ErrNotEmpty},
		{"a busy one", admin, "busy", organization.Create{Name: "某厅", Kind: organization.KindDepartment, Parent: "hrss"}, nil},
		{"a closure while work waits", admin, "busy", organization.Close{}, organization.ErrWorkWaiting},
		{"a closure", admin, "edu", organization.Close{}, nil},
		{"a grant in a closed one", admin, "edu", organization.GrantOfficer{Account: "a1"}, organization.ErrClosed},
		{"a unit below a closed one", admin, "12220000127701509T", organization.Create{Name: "大学", Kind: organization.KindUnit, Parent: "edu"}, organization.ErrParentUnknown},
		{"a closure taken back", admin, "edu", organization.Reopen{}, nil},
		{"a unit below it", admin, "12220000127701509T", organization.Create{Name: "大学", Kind: organization.KindUnit, Parent: "edu"}, nil},
		{"by a bureau's officer", commands.Envelope{Actor: domain.Actor{ID: "b", Roles: []domain.Role{domain.Bureau}}}, "edu",
			organization.GrantOfficer{Account: "b"}, domain.ErrForbidden},
		{"by nobody", commands.Envelope{}, "y", organization.Create{Name: "y", Kind: organization.KindBureau}, domain.ErrForbidden},
	} {
		if err := run(step.env, step.id, step.cmd); !errors.Is(err, step.err) || (err == nil) != (step.err == nil) {
			t.Errorf("%s: %v, want %v", step.name, err, step.err)
		}
	}
	var types []string
	for _, e := range store["organization-edu"] {
		types = append(types, e.Type+" by "+e.Meta.Actor)
	}
	want := []string{"OrganizationCreated by admin", "OfficerGranted by admin", "OrganizationRenamed by admin", "GrantRevoked by admin",
		"OrganizationClosed by admin", "OrganizationReopened by admin"}
	if !slices.Equal(types, want) {
		t.Errorf("recorded %v", types)
	}
	register := func(uscc, department string) (unit.State, error) {
		r, err := x.Unit(t.Context(), admin, uscc, unit.Register{USCC: uscc, Name: "大学", Department: domain.Organization{ID: department, Name: "自称"}})
		return r.State, err
	}
	if _, err := register("12220000127701509T", "busy"); !errors.Is(err, unit.ErrDepartment) {
		t.Errorf("below another department than the tree's: %v", err)
	}
	if _, err := register("91220101MA0Y3KQ208", "hrss"); !errors.Is(err, unit.ErrDepartment) {
		t.Errorf("below a bureau: %v", err)
	}
	if u, err := register("12220000127701509T", "edu"); err != nil || u.Department.Name != "省教育厅" {
		t.Errorf("%+v %v", u, err)
	}
}

// People are bound to a unit as it is called now, and to none that is closed.
func TestAUnitIsBoundToByItsPresentNameWhileItIsOpen(t *testing.T) {
	x := rolesExecutor(t, streamsOfOrganizations{}, standings{}, time.Now())
	do := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	of := func(c organization.Command, id string) {
		t.Helper()
		do(x.Organization(t.Context(), commands.Envelope{Actor: admin}, id, c))
	}
	of(organization.Create{Name: "教育厅", Kind: organization.KindDepartment}, "edu")
	of(organization.Create{Name: "旧名大学", Kind: organization.KindUnit, Parent: "edu"}, uscc)
	do(x.Unit(t.Context(), commands.Envelope{Actor: admin}, uscc, unit.Register{USCC: uscc, Name: "旧名大学", Department: domain.Organization{ID: "edu"}}))
	do(x.Unit(t.Context(), commands.Envelope{Actor: admin}, uscc, unit.Approve{}))
	of(organization.Rename{Name: "新名大学"}, uscc)
	bind := func(who string) (binding.State, error) {
		r, err := x.Binding(t.Context(), commands.Envelope{Actor: domain.Actor{ID: who, Roles: []domain.Role{domain.Applicant}}}, who, binding.Bind{USCC: uscc})
		return r.State, err
	}
	if s, err := bind("wang"); err != nil || s.Unit.Name != "新名大学" {
		t.Fatalf("%v %+v", err, s)
	}
	of(organization.Close{}, uscc)
	if _, err := bind("li"); !errors.Is(err, unit.ErrNotRegistered) {
		t.Fatalf("to a closed one: %v", err)
	}
	of(organization.Reopen{}, uscc)
	if _, err := bind("li"); err != nil {
		t.Fatalf("to a reopened one: %v", err)
	}
}
