package e2e

import (
	"net/http"
	"slices"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/domain/catalog"
	"zhiping/domain/catalog/catalogtest"
)

// 破格: two recommending experts, each with a signed opinion, on the three types of the manual's first menu.
func TestExceptionalDeclarationsByTwoExperts(t *testing.T) {
	s := world.Start(t, t.TempDir(), "--demo")
	person, unit := s.As("applicant"), s.As("unit")
	other := s.As("applicant2")
	world.Bind(person, unit, world.University)
	t.Run("types", func(t *testing.T) {
		for _, typ := range []string{"title.regular", "title.school-senior", "title.school-associate"} {
			t.Run(typ, func(t *testing.T) {
				t.Parallel()
				byExperts(t, person, unit, other, world.Definition(t, typ))
			})
		}
	})
	s.Stop()
}

func byExperts(t *testing.T, person, unit, other *world.Caller, d catalog.Definition) {
	id := world.StartDeclaration(person, d)
	path := "/declarations/" + id
	normal, exceptional := catalogtest.Form(d), catalogtest.Form(d)
	catalogtest.ByExperts(d, exceptional)
	expert := func(i int) []byte { return catalogtest.RecommenderData(d, i) }
	basic := func(form []byte) {
		t.Helper()
		person.Want(http.StatusOK, "", "PUT", path+"/modules/basic", form)
	}

	// Only a saved `basic` of that class opens the part.
	person.Want(http.StatusConflict, "recommenders_closed", "POST", path+"/recommenders", expert(0))
	for class, want := range map[string]string{"education": "recommenders_closed", "seniority": "recommenders_closed"} {
		basic(catalogtest.With(exceptional["basic"], map[string]any{"exceptionalClass": class}))
		person.Want(http.StatusConflict, want, "POST", path+"/recommenders", expert(0))
	}
	basic(exceptional["basic"])

	// Save an expert first, then attach; an expert's file belongs to that expert.
	attach := func(expert string) world.Answer {
		return person.Upload(id, "recommendation", expert, "推荐意见.pdf", world.PDF(expert))
	}
	if a := attach(""); a.Str("code") != "save_first" {
		t.Fatalf("attached before an expert was saved: %s", a.Raw)
	}
	first := person.Want(http.StatusCreated, "", "POST", path+"/recommenders", expert(0))
	second := person.Want(http.StatusCreated, "", "POST", path+"/recommenders", expert(1))
	if second.Header.Get("Location") != "/api/v1"+path+"/recommenders/"+second.Str("id") {
		t.Fatalf("at %q", second.Header.Get("Location"))
	}
	person.Want(http.StatusConflict, "recommenders_full", "POST", path+"/recommenders", expert(2))
	for _, added := range []world.Answer{first, second} {
		if a := attach(added.Str("id")); a.Status != http.StatusCreated || a.Str("recommender") != added.Str("id") {
			t.Fatalf("%d %s", a.Status, a.Raw)
		}
	}
	if a := attach("00000000-0000-4000-8000-000000000001"); a.Str("code") != "recommender_not_found" {
		t.Fatalf("attached to a stranger: %s", a.Raw)
	}

	// Another person takes the first one's place, and their file does not stay behind.
	rid := first.Str("id")
	person.Want(http.StatusOK, "", "PUT", path+"/recommenders/"+rid, []byte(catalogtest.With(expert(0), map[string]any{"opinion": "同意推荐"})))
	person.Want(http.StatusUnprocessableEntity, "invalid", "PUT", path+"/recommenders/"+rid, []byte(`{"phone":"1"}`))
	person.Want(http.StatusNotFound, "recommender_not_found", "PUT", path+"/recommenders/00000000-0000-4000-8000-000000000001", expert(2))
	other.Want(http.StatusNotFound, "", "PUT", path+"/recommenders/"+rid, expert(2))
	other.Want(http.StatusNotFound, "", "DELETE", path+"/recommenders/"+rid, nil)
	removed := person.Want(http.StatusOK, "", "DELETE", path+"/recommenders/"+rid, nil)
	if left := removed.Items("recommenders"); len(left) != 1 || len(removed.Items("attachments")) != 1 {
		t.Fatalf("after removing an expert: %s", removed.Raw)
	}
	person.Want(http.StatusNotFound, "recommender_not_found", "DELETE", path+"/recommenders/"+rid, nil)
	third := person.Want(http.StatusCreated, "", "POST", path+"/recommenders", expert(2))
	if a := attach(third.Str("id")); a.Status != http.StatusCreated {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}

	// Leaving the class asks for no experts and changes none; coming back finds them as they were.
	world.FillIn(person, d, id)
	basic(normal["basic"])
	if a := person.Want(http.StatusOK, "", "GET", path+"/validation", nil); a.Body["ok"] != true {
		t.Fatalf("a normal declaration: %s", a.Raw)
	}
	form := person.Want(http.StatusOK, "", "GET", path, nil)
	if form.Body["recommendersOpen"] != false || len(form.Items("recommenders")) != 2 {
		t.Fatalf("what was entered is not kept: %s", form.Raw)
	}
	person.Want(http.StatusConflict, "recommenders_closed", "PUT", path+"/recommenders/"+third.Str("id"), expert(0))
	basic(exceptional["basic"])
	form = person.Want(http.StatusOK, "", "GET", path, nil)
	if form.Body["recommendersOpen"] != true || !slices.EqualFunc(form.Items("recommenders"), []world.Answer{second, third}, func(r map[string]any, a world.Answer) bool {
		files, _ := r["attachments"].([]any)
		return r["id"] == a.Str("id") && len(files) == 1
	}) {
		t.Fatalf("what was entered did not come back: %s", form.Raw)
	}

	// Under review they are read only; a return that marks `basic` opens them too.
	person.Want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true})
	person.Want(http.StatusConflict, "not_editable", "DELETE", path+"/recommenders/"+third.Str("id"), nil)
	unit.Want(http.StatusOK, "", "POST", path+"/return", map[string]any{"opinion": "请补充", "modules": []string{"summary"}})
	person.Want(http.StatusConflict, "module_locked", "DELETE", path+"/recommenders/"+third.Str("id"), nil)
	person.Want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true})
	unit.Want(http.StatusOK, "", "POST", path+"/return", map[string]any{"opinion": "请更换专家", "modules": []string{"recommenders"}})
	person.Want(http.StatusOK, "", "PUT", path+"/recommenders/"+third.Str("id"), expert(0))
	person.Want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true})
}
