package commands_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"zhiping/commands"
	"zhiping/domain"
	"zhiping/domain/declaration"
	"zhiping/domain/notice"
	"zhiping/domain/organization"
	"zhiping/domain/unit"
)

// Officers of several units approve everything at once on two nodes: each unit passes on as many as the notice gives it.
func TestEachUnitHasTheQuotaThatTheNoticeGivesIt(t *testing.T) {
	client, _ := nodes(t, 1)
	const declarations, machines = 4, 2
	units := map[domain.Organization]int{
		university: 2, {ID: "91220101MA0Y3KQ208", Name: "示范科技公司"}: 0, {ID: "91220101XA00000236", Name: "另一单位"}: 1,
	}
	c := &call{t: t, store: client, notice: uuid.New(), passed: func() []uuid.UUID { return nil }}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.append(domain.Stream(domain.CategoryNotice, c.notice.String()), commands.NoStream, notice.Drafted{Content: notice.Content{
		Type: "grade3.assessment", Title: "考核通知", Year: 2026, Committee: board, OpensAt: time.Now().Add(-time.Hour), ClosesAt: time.Now().Add(time.Hour),
		Quota: 1, Quotas: map[string]int{university.ID: 2, "91220101MA0Y3KQ208": 0},
	}}, notice.Published{Definition: grade3().Definition()}))
	of := map[domain.Organization][]uuid.UUID{}
	for unit := range units {
		for i := range declarations {
			person := fmt.Sprint("person ", i, " of ", unit.ID)
			id := domain.DeclarationID(c.notice, person)
			submitted := c.submission(1)
			submitted.Unit, submitted.Route[0].Organization = unit, unit
			must(c.append(domain.Stream(domain.CategoryDeclaration, id.String()), commands.NoStream, declaration.Started{
				ID: id, Notice: declaration.NoticeRef{ID: c.notice}, Applicant: domain.Organization{ID: person}, Unit: unit, Department: education,
			}, submitted))
			of[unit] = append(of[unit], id)
		}
	}
	var wg sync.WaitGroup
	for range machines {
		x := c.executor(client)
		for unit, ids := range of {
			env := byUnit(1)
			env.Actor.Organization = unit
			wg.Go(func() { approveAll(t, x, env, ids) })
		}
	}
	wg.Wait()
	for unit, want := range units {
		passed := 0
		for _, id := range of[unit] {
			if s, _ := c.state(id); s.PassedOn {
				passed++
			}
		}
		if passed != want {
			t.Errorf("%s has passed on %d, of %d places", unit.Name, passed, want)
		}
	}
}

// A code whose check character does not fit is taken for a unit that is there, registered or put into the tree, and else for
// a mistake.
func TestAQuotaForACodeThatDoesNotCheckNeedsItsUnit(t *testing.T) {
	const registered, placed, mistyped = "91220101MA0Y3KQ201", "91220101MA0Y3KQ202", "91220101MA0Y3KQ203"
	client, _ := nodes(t, 1)
	c := &call{t: t, store: client}
	for _, o := range []organization.Created{{ID: "hrss", Name: "人社厅", Kind: organization.KindBureau},
		{ID: board.ID, Name: board.Name, Kind: organization.KindCommittee}, {ID: placed, Name: "单位", Kind: organization.KindUnit, Parent: "dept"}} {
		if err := c.append(domain.Stream(domain.CategoryOrganization, o.ID), commands.NoStream, o); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.append(domain.Stream(domain.CategoryUnit, registered), commands.NoStream, unit.Registered{USCC: registered, Name: "单位", Department: education}); err != nil {
		t.Fatal(err)
	}
	x := c.executor(client)
	admin := commands.Envelope{Actor: domain.Actor{ID: "root", Roles: []domain.Role{domain.Admin}}}
	draft := func(code string) error {
		_, err := x.Notice(t.Context(), admin, uuid.New(), notice.Draft{Content: notice.Content{
			Type: "grade3.assessment", Title: "考核通知", Year: 2026, OpensAt: time.Now(), ClosesAt: time.Now().Add(time.Hour),
			Bureau: domain.Organization{ID: "hrss"}, Committee: board, Quotas: map[string]int{code: 1},
		}})
		return err
	}
	for _, code := range []string{university.ID, registered, placed} {
		if err := draft(code); err != nil {
			t.Errorf("%s: %v", code, err)
		}
	}
	if err := draft(mistyped); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("%s: %v", mistyped, err)
	}
}
