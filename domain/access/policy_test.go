package access_test

import (
	"slices"
	"strings"
	"testing"

	"zhiping/domain"
	"zhiping/domain/access"
)

var decisions = []access.Action{"ApproveStage", "ReturnDeclaration", "TerminateReview", "ApproveFinal", "ApproveBinding", "RejectBinding"}

// What must hold whatever else the table says.
func TestNoRowGivesARoleWhatItMustNeverHave(t *testing.T) {
	for action, grants := range access.Policy {
		query := strings.HasPrefix(string(action), "view")
		for _, g := range grants {
			switch {
			case g.Role == domain.Auditor && !query:
				t.Errorf("%s: an auditor only reads", action)
			case g.Role == domain.Admin && slices.Contains(decisions, action):
				t.Errorf("%s: an admin decides nothing", action)
			case g.Role == domain.Analyst && !slices.Contains([]access.Action{"viewLines", "viewNotices", "viewEvents", "viewStats"}, action):
				t.Errorf("%s: an analyst sees no personal data", action)
			case g.Role == domain.Applicant && g.Relation != access.Own && !slices.Contains([]access.Action{"viewLines", "viewNotices", "viewUnit"}, action):
				t.Errorf("%s: an applicant has only their own", action)
			case g.Role == domain.System && !slices.Contains([]access.Action{"ClaimRoles", "RecordRole"}, action):
				t.Errorf("%s: the program itself signs in nowhere, and decides nothing", action)
			case g.Role != domain.System && slices.Contains([]access.Action{"ClaimRoles", "RecordRole"}, action):
				t.Errorf("%s: only the program writes down what others have granted", action)
			case g.Role == domain.Operator && !slices.Contains([]access.Action{"GrantRole", "RevokeRole", "RevokeRoles", "RevokeGrant"}, action):
				t.Errorf("%s: who holds the machine looks after accounts and nothing else", action)
			case slices.Contains(decisions, action) && g.Relation != access.Reviewing && g.Relation != access.OfUnit:
				t.Errorf("%s: a decision needs a stage of one's own", action)
			}
		}
	}
}

func TestRelationsToAResource(t *testing.T) {
	officer := func(role domain.Role, org string, within ...string) domain.Actor {
		return domain.Actor{ID: "o-" + org, Roles: []domain.Role{role}, Organization: domain.Organization{ID: org}, Within: within}
	}
	submitted := access.Resource{Applicant: "wang", Unit: "uni", Department: "edu", Reviewers: []string{"uni", "edu", "board"}}
	draft := access.Resource{Applicant: "wang", Unit: "uni", Department: "edu"}
	self := officer(domain.Unit, "uni")
	self.ID, self.Roles = "wang", []domain.Role{domain.Unit, domain.Applicant}
	nobodys := domain.Actor{ID: "x", Roles: []domain.Role{domain.Unit, domain.Department, domain.Bureau, domain.Committee}}
	for name, ex := range map[string]struct {
		actor    domain.Actor
		action   access.Action
		resource access.Resource
		want     bool
	}{
		"the applicant sees their own":               {domain.Actor{ID: "wang", Roles: []domain.Role{domain.Applicant}}, "viewDeclaration", draft, true},
		"and nobody else's":                          {domain.Actor{ID: "li", Roles: []domain.Role{domain.Applicant}}, "viewDeclaration", submitted, false},
		"the unit sees what was submitted":           {officer(domain.Unit, "uni"), "viewDeclaration", submitted, true},
		"but no draft":                               {officer(domain.Unit, "uni"), "viewDeclaration", draft, false},
		"another unit sees nothing":                  {officer(domain.Unit, "company"), "viewDeclaration", submitted, false},
		"the department sees it":                     {officer(domain.Department, "edu", "uni"), "viewDeclaration", submitted, true},
		"but no draft either":                        {officer(domain.Department, "edu", "uni"), "viewDeclaration", draft, false},
		"a bureau sees its subtree":                  {officer(domain.Bureau, "hrss", "edu", "uni"), "viewDeclaration", submitted, true},
		"also by the department alone":               {officer(domain.Bureau, "hrss", "edu"), "viewDeclaration", submitted, true},
		"another bureau does not":                    {officer(domain.Bureau, "city", "health"), "viewDeclaration", submitted, false},
		"the committee sees what its notice brought": {officer(domain.Committee, "board"), "viewDeclaration", submitted, true},
		"another committee does not":                 {officer(domain.Committee, "panel"), "viewDeclaration", submitted, false},
		"supervising is not deciding":                {officer(domain.Bureau, "hrss", "edu", "uni"), "ApproveStage", submitted, false},
		"a reviewer decides":                         {officer(domain.Department, "edu", "uni"), "ApproveStage", submitted, true},
		"nobody decides on their own":                {self, "ApproveStage", submitted, false},
		"nor admits themselves":                      {self, "ApproveBinding", access.Resource{Applicant: "wang", Unit: "uni"}, false},
		"but sees it":                                {self, "viewDeclaration", draft, true},
		"an officer of no organization is nobody":    {nobodys, "viewDeclaration", access.Resource{Reviewers: []string{""}}, false},
		"not even of an empty resource":              {nobodys, "viewWorklist", access.Resource{}, false},
		"an auditor sees a draft":                    {domain.Actor{ID: "a", Roles: []domain.Role{domain.Auditor}}, "viewDeclaration", draft, true},
		"an admin sees no declaration":               {domain.Actor{ID: "a", Roles: []domain.Role{domain.Admin}}, "viewDeclaration", submitted, false},
		"an action without a row":                    {domain.Actor{ID: "a", Roles: domain.Roles()}, "DropEverything", submitted, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := access.Allowed(ex.actor, ex.action, ex.resource); got != ex.want {
				t.Fatalf("%v", got)
			}
		})
	}
}

func TestWhoHoldsSeveralRolesActsInTheOneThatMay(t *testing.T) {
	both := domain.Actor{ID: "wang", Roles: []domain.Role{domain.Unit, domain.Applicant}}
	for action, want := range map[access.Action]domain.Role{"BindUnit": domain.Applicant, "ApproveBinding": domain.Unit, "GrantOfficer": ""} {
		if got := access.As(both, action); got != want {
			t.Errorf("%s as %q, want %q", action, got, want)
		}
	}
}
