package folds_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zhiping/domain"
	"zhiping/domain/organization"
	"zhiping/projections/folds"
	"zhiping/readmodels/views"
)

func TestTheTreeOfOrganizationsShowsItsOfficers(t *testing.T) {
	end := began.Add(time.Hour)
	var events []domain.Recorded
	for i, e := range []organization.Event{
		organization.Created{ID: "edu", Name: "教育厅", Kind: organization.KindDepartment, Parent: "hrss"},
		organization.OfficerGranted{Organization: "edu", Account: "a", Role: domain.Department},
		organization.OfficerGranted{Organization: "edu", Account: "b", Role: domain.Department},
		organization.OfficerGranted{Organization: "edu", Account: "a", Role: domain.Department, Expires: &end},
		organization.GrantRevoked{Organization: "edu", Account: "b", Role: domain.Department},
		organization.Renamed{Name: "省教育厅"},
		organization.Closed{},
		organization.Reopened{},
	} {
		events = append(events, domain.Recorded{Stream: "organization-edu", Revision: uint64(i), Position: uint64(10 + i), Type: fmt.Sprintf("%T", e),
			At: began, Meta: domain.Metadata{Actor: "admin"}, Event: e})
	}
	want := &views.Organization{ID: "edu", Name: "省教育厅", Kind: organization.KindDepartment, Parent: "hrss", Created: 10, Revision: 5,
		Officers: []views.Officer{{Account: "a", Role: domain.Department, Expires: end, GrantedAt: began, GrantedBy: "admin"}}}
	if diff := cmp.Diff(want, document[views.Organization](t, folds.Organizations(), "edu", events[:6])); diff != "" {
		t.Fatal(diff)
	}
	want.Closed, want.Officers, want.Revision = true, nil, 6
	if diff := cmp.Diff(want, document[views.Organization](t, folds.Organizations(), "edu", events[:7])); diff != "" {
		t.Fatal(diff)
	}
	want.Closed, want.Revision = false, 7
	if diff := cmp.Diff(want, document[views.Organization](t, folds.Organizations(), "edu", events)); diff != "" {
		t.Fatal(diff)
	}
}
