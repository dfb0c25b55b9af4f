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
	"zhiping/domain/account"
	"zhiping/domain/binding"
	"zhiping/domain/declaration"
	"zhiping/domain/notice"
	"zhiping/domain/organization"
)

// A key names a command of a person, not of an office: after another appointment, or none, its retry tells nothing.
func TestAKeyDoesNotOutliveItsOffice(t *testing.T) {
	client, _ := nodes(t, 1)
	c := newCall(t, client, 9, 1)
	x := c.executor(client)
	env := commands.Envelope{Actor: byUnit(1).Actor, Key: "click-1"}
	if err := approve(x, env, c.all[0]); err != nil {
		t.Fatal(err)
	}
	if err := approve(x, env, c.all[0]); err != nil {
		t.Fatalf("the officer's own retry: %v", err)
	}
	moved, applicant, dismissed, promoted := env, env, env, env
	moved.Actor.Organization = domain.Organization{ID: "91220101MA0Y3KQ208"}
	applicant.Actor.Roles, applicant.Actor.Organization = []domain.Role{domain.Applicant}, domain.Organization{}
	dismissed.Actor.Roles, dismissed.Actor.Organization = nil, domain.Organization{}
	promoted.Actor.Roles, promoted.Actor.Organization = []domain.Role{domain.Department}, education
	for name, env := range map[string]commands.Envelope{
		"an officer of another unit": moved, "an applicant": applicant, "without a role": dismissed, "an officer of the department": promoted,
	} {
		if r, err := x.Declaration(t.Context(), env, c.all[0], declaration.ApproveStage{}); !errors.Is(err, domain.ErrForbidden) || r.State.Status != "" {
			t.Errorf("%s: %v, status %q", name, err, r.State.Status)
		}
	}
}

func TestAKeyOfABindingDoesNotOutliveItsOffice(t *testing.T) {
	_, nodes := nodes(t, 1)
	if _, err := nodes[0].Binding(t.Context(), commands.Envelope{Actor: wang}, wang.ID, binding.Bind{USCC: uscc}); err != nil {
		t.Fatal(err)
	}
	env := commands.Envelope{Actor: officer, Key: "no"}
	for range 2 {
		if _, err := nodes[0].Binding(t.Context(), env, wang.ID, binding.Reject{Opinion: "查无此人"}); err != nil {
			t.Fatal(err)
		}
	}
	env.Actor.Organization.ID = "91220101MA0Y3KQ208"
	if r, err := nodes[0].Binding(t.Context(), env, wang.ID, binding.Reject{Opinion: "查无此人"}); !errors.Is(err, domain.ErrForbidden) || r.State.Opinion != "" {
		t.Fatalf("%v %+v", err, r.State)
	}
}

// Whatever is asked of what is not the caller's, and with whatever condition, the answer is the same as for what is not there.
func TestWhatIsNotTheCallersIsAnsweredAsIfItWereNotThere(t *testing.T) {
	client, _ := nodes(t, 1)
	c := newCall(t, client, 9, 1)
	x := c.executor(client)
	draft := domain.DeclarationID(c.notice, "drafting")
	if err := c.append(domain.Stream(domain.CategoryDeclaration, draft.String()), commands.NoStream, declaration.Started{
		ID: draft, Notice: declaration.NoticeRef{ID: c.notice}, Applicant: domain.Organization{ID: "drafting"}, Unit: university, Department: education,
	}); err != nil {
		t.Fatal(err)
	}
	li := domain.Actor{ID: "li", Roles: []domain.Role{domain.Applicant}}
	elsewhere := domain.Actor{ID: "o2", Roles: []domain.Role{domain.Unit}, Organization: domain.Organization{ID: "91220101MA0Y3KQ208"}}
	anywhere := domain.Actor{ID: "o3", Roles: []domain.Role{domain.Committee}, Organization: domain.Organization{ID: "panel"}}
	zero := new(uint64)
	for name, ex := range map[string]struct {
		actors []domain.Actor
		of     uuid.UUID
		cmds   []declaration.Command
	}{
		"edits of another's draft": {[]domain.Actor{li}, draft, []declaration.Command{declaration.SaveModule{Module: "basic", Data: []byte(`{}`)},
			declaration.RemoveFile{}, declaration.AddRecommender{}, declaration.ChangeRecommender{}, declaration.RemoveRecommender{}, declaration.Submit{}, declaration.Withdraw{}, declaration.AttachFile{}}},
		"edits of what another has submitted": {[]domain.Actor{li}, c.all[0], []declaration.Command{declaration.SaveModule{Module: "basic", Data: []byte(`{}`)}, declaration.Submit{}, declaration.Withdraw{}}},
		"decisions on a draft": {[]domain.Actor{byUnit(1).Actor, elsewhere, educator, anywhere}, draft, []declaration.Command{declaration.ApproveStage{},
			declaration.Return{Opinion: "改", Modules: []string{"basic"}}, declaration.Terminate{Opinion: "不"}, declaration.ApproveFinal{}}},
		"decisions on another unit's": {[]domain.Actor{elsewhere, anywhere}, c.all[0], []declaration.Command{declaration.ApproveStage{},
			declaration.Return{Opinion: "改", Modules: []string{"basic"}}, declaration.Terminate{Opinion: "不"}, declaration.ApproveFinal{}}},
	} {
		for _, actor := range ex.actors {
			for _, cmd := range ex.cmds {
				for _, match := range []*uint64{nil, zero} {
					env := commands.Envelope{Actor: actor, IfMatch: match}
					_, there := x.Declaration(t.Context(), env, ex.of, cmd)
					_, nowhere := x.Declaration(t.Context(), env, uuid.New(), cmd)
					if there == nil || !errors.Is(there, nowhere) || !errors.Is(nowhere, there) {
						t.Errorf("%s: %T by %s, If-Match %v: %v, but of nothing %v", name, cmd, actor.ID, match != nil, there, nowhere)
					}
				}
			}
		}
	}
}

// A bureau hears the same of another bureau's draft as of no notice.
func TestAnotherBureausDraftIsNotThere(t *testing.T) {
	_, nodes := nodes(t, 1)
	id := uuid.New()
	content := notice.Content{Type: "title.regular", Title: "通知", Year: 2026, OpensAt: time.Now(), ClosesAt: time.Now().Add(time.Hour),
		Bureau: domain.Organization{ID: "b"}, Committee: domain.Organization{ID: "c"}}
	if _, err := nodes[0].Notice(t.Context(), commands.Envelope{Actor: admin}, id, notice.Draft{Content: content}); err != nil {
		t.Fatal(err)
	}
	beside := commands.Envelope{Actor: domain.Actor{ID: "x", Roles: []domain.Role{domain.Bureau}, Organization: domain.Organization{ID: "beside"}}}
	own := content
	own.Bureau.ID = "beside"
	for _, cmd := range []notice.Command{notice.Revise{Content: content}, notice.Revise{Content: own}, notice.Publish{}, notice.Close{}} {
		for _, at := range []uuid.UUID{id, uuid.New()} {
			if _, err := nodes[0].Notice(t.Context(), beside, at, cmd); !errors.Is(err, notice.ErrNotFound) {
				t.Errorf("%T: %v", cmd, err)
			}
		}
	}
}

// Nobody gets a role without an admin who does not owe theirs to them, at once or through as many as they like.
func TestNobodyIsGrantedARoleByWhomTheyAppointed(t *testing.T) {
	store := streamsOfOrganizations{}
	people := standings{}
	for _, id := range []string{"root", "mallory", "a", "b", "c", "d"} {
		people[id] = commands.Standing{Known: true, OtherAdmin: true}
	}
	x := rolesExecutor(t, store, people, time.Now())
	as := func(id string) commands.Envelope {
		return commands.Envelope{Actor: domain.Actor{ID: id, Roles: []domain.Role{domain.Admin}}}
	}
	operator := commands.Envelope{Actor: domain.Actor{ID: "operator", Roles: []domain.Role{domain.Operator}}}
	grant := func(env commands.Envelope, to string, r domain.Role) error {
		_, err := x.Account(t.Context(), env, to, account.Grant{Role: r})
		return err
	}
	office := func(env commands.Envelope, to, of string) error {
		_, err := x.Organization(t.Context(), env, of, organization.GrantOfficer{Account: to})
		return err
	}
	create := func(id string, k organization.Kind) error {
		_, err := x.Organization(t.Context(), as("root"), id, organization.Create{Name: id, Kind: k})
		return err
	}
	for i, step := range []struct {
		got, want error
	}{
		{grant(operator, "root", domain.Admin), nil},
		{grant(as("root"), "mallory", domain.Admin), nil},
		{create("office", organization.KindAdministration), nil},
		{create("auditors", organization.KindAudit), nil},
		{create("hrss", organization.KindBureau), nil},
		{grant(as("mallory"), "mallory", domain.Auditor), account.ErrOwnRole},
		{grant(as("mallory"), "a", domain.Admin), nil},
		{grant(as("a"), "mallory", domain.Auditor), domain.ErrAppointer},
		{office(as("a"), "mallory", "auditors"), domain.ErrAppointer},
		{office(as("a"), "mallory", "hrss"), domain.ErrAppointer},
		{grant(as("a"), "b", domain.Admin), nil},
		{grant(as("b"), "mallory", domain.Auditor), domain.ErrAppointer}, // through two
		{office(as("b"), "c", "office"), nil},
		{grant(as("c"), "mallory", domain.Auditor), domain.ErrAppointer}, // through an office
		{grant(as("c"), "root", domain.Auditor), domain.ErrAppointer},    // the first admin, through three
		{grant(as("root"), "mallory", domain.Auditor), nil},              // a second person agrees
		{grant(operator, "root", domain.Auditor), nil},
		{grant(as("c"), "d", domain.Auditor), nil},
	} {
		if !errors.Is(step.got, step.want) || (step.got == nil) != (step.want == nil) {
			t.Errorf("step %d: %v, want %v", i, step.got, step.want)
		}
	}
	// What was taken away since counts too.
	if _, err := x.Account(t.Context(), as("root"), "a", account.Revoke{Role: domain.Admin}); err != nil {
		t.Fatal(err)
	}
	if err := grant(as("b"), "mallory", domain.Analyst); !errors.Is(err, domain.ErrAppointer) {
		t.Errorf("after the revocation between them: %v", err)
	}
}

// Several organizations appoint one account at the same moment, on several machines: one gets it.
func TestAnAccountGetsOneOfficeHoweverManyAppointIt(t *testing.T) {
	client, nodes := nodes(t, 4)
	for round := range 5 {
		var wg sync.WaitGroup
		who := fmt.Sprint("account ", round)
		errs := make([]error, 3*len(nodes))
		for i, x := range nodes {
			for o, id := range []string{"dept", "b", "c"} {
				wg.Go(func() {
					_, errs[3*i+o] = x.Organization(t.Context(), commands.Envelope{Actor: admin}, id, organization.GrantOfficer{Account: who})
				})
			}
		}
		wg.Wait()
		held := 0
		for _, id := range []string{"dept", "b", "c"} {
			var s organization.State
			for _, e := range events(t, client, "organization-"+id) {
				s = organization.Evolve(s, e.Event.(organization.Event))
			}
			if _, is := s.Officer(who); is {
				held++
			}
		}
		for _, err := range errs {
			if err != nil && !errors.Is(err, account.ErrElsewhere) && !errors.Is(err, domain.ErrConcurrentChange) {
				t.Error(err)
			}
		}
		if held != 1 {
			t.Fatalf("round %d: an officer of %d organizations: %v", round, held, errs)
		}
	}
	// Once it is over, another organization may appoint.
	who := "moves"
	for _, step := range []struct {
		id string
		c  organization.Command
	}{{"dept", organization.GrantOfficer{Account: who}}, {"dept", organization.RevokeGrant{Account: who}}, {"b", organization.GrantOfficer{Account: who}}} {
		if _, err := nodes[0].Organization(t.Context(), commands.Envelope{Actor: admin}, step.id, step.c); err != nil {
			t.Fatalf("%T of %s: %v", step.c, step.id, err)
		}
	}
}
