package declaration_test

import (
	"testing"

	"zhiping/domain/catalog"
	"zhiping/domain/declaration"
)

// The name that an account was verified under goes before the one that the declaration was started with.
func TestAFormIsOfItsAccountsPersonWhereOneIsKnown(t *testing.T) {
	var s declaration.State
	for _, e := range []declaration.Event{started, basic} {
		s = declaration.Evolve(s, e)
	}
	if got := declaration.Form(s, facts(t)).Applicant; got != (catalog.Person{ID: applicant.ID, Name: applicant.Name}) {
		t.Fatalf("%+v", got)
	}
	f := with(facts(t), func(f *declaration.Facts) {
		f.Account = catalog.Person{ID: applicant.ID, Name: "王一一", IDNumber: "220102197501010014"}
	})
	if got := declaration.Form(s, f).Applicant; got != f.Account {
		t.Fatalf("%+v", got)
	}
}
