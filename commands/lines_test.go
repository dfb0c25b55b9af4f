package commands_test

import (
	"context"
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

// twoAbove is a definition whose route asks for two departments above the unit's own, and whose form is always whole.
type twoAbove struct{ declaration.Checker }

func (twoAbove) Definition() catalog.Definition {
	return catalog.Definition{Route: []catalog.Stage{
		{Key: "unit", Kind: catalog.StageUnit}, {Key: "department", Kind: catalog.StageDepartment},
		{Key: "above", Kind: catalog.StageDepartment, Above: 1}, {Key: "above_2", Kind: catalog.StageDepartment, Above: 2},
		{Key: "committee", Kind: catalog.StageCommittee},
	}}
}

func (twoAbove) Validate(catalog.Form) []domain.Fault { return nil }
func (twoAbove) Warnings(catalog.Form) []domain.Fault { return nil }

// Who holds the stages above is read from the tree of organizations when the declaration is handed in.
func TestALineOfDepartmentsIsReadFromTheTree(t *testing.T) {
	type node struct {
		parent string
		kind   organization.Kind
		closed bool
	}
	const department, bureau = organization.KindDepartment, organization.KindBureau
	for name, ex := range map[string]struct {
		tree map[string]node
		want []string
	}{
		"county, city, province": {map[string]node{"dept": {"city", department, false}, "city": {"province", department, false}, "province": {"hrss", department, false}, "hrss": {"", bureau, false}},
			[]string{uscc, "dept", "city", "province", "board"}},
		"no further than asked": {map[string]node{"dept": {"city", department, false}, "city": {"province", department, false}, "province": {"ministry", department, false}, "ministry": {"", department, false}},
			[]string{uscc, "dept", "city", "province", "board"}},
		"a line of two":                {map[string]node{"dept": {"city", department, false}, "city": {"", department, false}}, []string{uscc, "dept", "city", "board"}},
		"a department below a bureau":  {map[string]node{"dept": {"hrss", department, false}, "hrss": {"", bureau, false}}, []string{uscc, "dept", "board"}},
		"a bureau in between":          {map[string]node{"dept": {"hrss", department, false}, "hrss": {"top", bureau, false}, "top": {"", department, false}}, []string{uscc, "dept", "board"}},
		"a closed one is passed over":  {map[string]node{"dept": {"city", department, false}, "city": {"province", department, true}, "province": {"", department, false}}, []string{uscc, "dept", "province", "board"}},
		"a tree that lacks it":         {nil, []string{uscc, "dept", "board"}},
		"a tree that lacks its parent": {map[string]node{"dept": {"city", department, false}}, []string{uscc, "dept", "board"}},
		"a tree with a circle":         {map[string]node{"dept": {"city", department, false}, "city": {"dept", department, false}}, []string{uscc, "dept", "city", "board"}},
		"a department above itself":    {map[string]node{"dept": {"dept", department, false}}, []string{uscc, "dept", "board"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCall(t, streamsOfOrganizations{}, 0, 0)
			person := domain.Organization{ID: "wang", Name: "王一"}
			id := domain.DeclarationID(c.notice, person.ID)
			tell := func(category, id string, events ...any) {
				if err := c.append(domain.Stream(category, id), commands.NoStream, events...); err != nil {
					t.Fatal(err)
				}
			}
			tell(domain.CategoryUnit, uscc, unit.Registered{USCC: uscc, Name: university.Name, Department: education}, unit.Approved{})
			tell(domain.CategoryBinding, person.ID, binding.Requested{Applicant: person, Unit: university}, binding.Approved{Unit: university})
			tell(domain.CategoryDeclaration, id.String(), declaration.Started{ID: id, Notice: declaration.NoticeRef{ID: c.notice}, Applicant: person})
			for o, n := range ex.tree {
				events := []any{organization.Created{ID: o, Name: o, Kind: n.kind, Parent: n.parent}}
				if n.closed {
					events = append(events, organization.Closed{})
				}
				tell(domain.CategoryOrganization, o, events...)
			}
			x, err := commands.New(commands.Config{
				Store: c.store, Index: nothing{}, People: nothing{}, Clock: time.Now, NewID: uuid.New,
				Definition: func(string) (catalog.Definition, bool) { return catalog.Definition{}, true },
				Compile:    func(catalog.Definition) (declaration.Checker, error) { return twoAbove{}, nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			r, err := x.Declaration(context.Background(), commands.Envelope{Actor: wang}, id, declaration.Submit{Commitment: true})
			if err != nil {
				t.Fatal(err)
			}
			var holders []string
			for _, st := range r.State.Route {
				holders = append(holders, st.Organization.ID)
			}
			if !slices.Equal(holders, ex.want) {
				t.Fatalf("the route goes to %v, want %v", holders, ex.want)
			}
		})
	}
}
