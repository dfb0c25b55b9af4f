package main

import (
	"net/http"
	"slices"
	"testing"

	"zhiping/domain/catalog"
	"zhiping/domain/catalog/catalogtest"
)

// 破格: two recommending experts, each with a signed opinion, on the three types of the manual's first menu.
func TestExceptionalDeclarationsByTwoExperts(t *testing.T) {
	s := start(t, t.TempDir(), "--demo")
	person, unit := s.as("applicant"), s.as("unit")
	other := s.as("applicant2")
	bind(person, unit, university)
	t.Run("types", func(t *testing.T) {
		for _, typ := range []string{"title.regular", "title.school-senior", "title.school-associate"} {
			t.Run(typ, func(t *testing.T) {
				t.Parallel()
				byExperts(t, person, unit, other, definitionOf(t, typ))
			})
		}
	})
	s.stop()
}

func byExperts(t *testing.T, person, unit, other *caller, d catalog.Definition) {
	id := begin(person, d)
	path := "/declarations/" + id
	normal, exceptional := catalogtest.Form(d), catalogtest.Form(d)
	catalogtest.ByExperts(d, exceptional)
	expert := func(i int) []byte { return catalogtest.RecommenderData(d, i) }
	basic := func(form []byte) {
		t.Helper()
		person.want(http.StatusOK, "", "PUT", path+"/modules/basic", form)
	}

	// Only a saved `basic` of that class opens the part.
	person.want(http.StatusConflict, "recommenders_closed", "POST", path+"/recommenders", expert(0))
	for class, want := range map[string]string{"education": "recommenders_closed", "seniority": "recommenders_closed"} {
		basic(catalogtest.With(exceptional["basic"], map[string]any{"exceptionalClass": class}))
		person.want(http.StatusConflict, want, "POST", path+"/recommenders", expert(0))
	}
	basic(exceptional["basic"])

	// Save an expert first, then attach; an expert's file belongs to that expert.
	attach := func(expert string) answer {
		return person.upload(id, "recommendation", expert, "推荐意见.pdf", pdf(expert))
	}
	if a := attach(""); a.str("code") != "save_first" {
		t.Fatalf("attached before an expert was saved: %s", a.raw)
	}
	first := person.want(http.StatusCreated, "", "POST", path+"/recommenders", expert(0))
	second := person.want(http.StatusCreated, "", "POST", path+"/recommenders", expert(1))
	if second.header.Get("Location") != "/api/v1"+path+"/recommenders/"+second.str("id") {
		t.Fatalf("at %q", second.header.Get("Location"))
	}
	person.want(http.StatusConflict, "recommenders_full", "POST", path+"/recommenders", expert(2))
	for _, added := range []answer{first, second} {
		if a := attach(added.str("id")); a.status != http.StatusCreated || a.str("recommender") != added.str("id") {
			t.Fatalf("%d %s", a.status, a.raw)
		}
	}
	if a := attach("00000000-0000-4000-8000-000000000001"); a.str("code") != "recommender_not_found" {
		t.Fatalf("attached to a stranger: %s", a.raw)
	}

	// Another person takes the first one's place, and their file does not stay behind.
	rid := first.str("id")
	person.want(http.StatusOK, "", "PUT", path+"/recommenders/"+rid, []byte(catalogtest.With(expert(0), map[string]any{"opinion": "同意推荐"})))
	person.want(http.StatusUnprocessableEntity, "invalid", "PUT", path+"/recommenders/"+rid, []byte(`{"phone":"1"}`))
	person.want(http.StatusNotFound, "recommender_not_found", "PUT", path+"/recommenders/00000000-0000-4000-8000-000000000001", expert(2))
	other.want(http.StatusNotFound, "", "PUT", path+"/recommenders/"+rid, expert(2))
	other.want(http.StatusNotFound, "", "DELETE", path+"/recommenders/"+rid, nil)
	removed := person.want(http.StatusOK, "", "DELETE", path+"/recommenders/"+rid, nil)
	if left := removed.items("recommenders"); len(left) != 1 || len(removed.items("attachments")) != 1 {
		t.Fatalf("after removing an expert: %s", removed.raw)
	}
	person.want(http.StatusNotFound, "recommender_not_found", "DELETE", path+"/recommenders/"+rid, nil)
	third := person.want(http.StatusCreated, "", "POST", path+"/recommenders", expert(2))
	if a := attach(third.str("id")); a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.raw)
	}

	// Leaving the class asks for no experts and changes none; coming back finds them as they were.
	complete(person, d, id)
	basic(normal["basic"])
	if a := person.want(http.StatusOK, "", "GET", path+"/validation", nil); a.body["ok"] != true {
		t.Fatalf("a normal declaration: %s", a.raw)
	}
	form := person.want(http.StatusOK, "", "GET", path, nil)
	if form.body["recommendersOpen"] != false || len(form.items("recommenders")) != 2 {
		t.Fatalf("what was entered is not kept: %s", form.raw)
	}
	person.want(http.StatusConflict, "recommenders_closed", "PUT", path+"/recommenders/"+third.str("id"), expert(0))
	basic(exceptional["basic"])
	form = person.want(http.StatusOK, "", "GET", path, nil)
	if form.body["recommendersOpen"] != true || !slices.EqualFunc(form.items("recommenders"), []answer{second, third}, func(r map[string]any, a answer) bool {
		files, _ := r["attachments"].([]any)
		return r["id"] == a.str("id") && len(files) == 1
	}) {
		t.Fatalf("what was entered did not come back: %s", form.raw)
	}

	// Under review they are read only; a return that marks `basic` opens them too.
	person.want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true})
	person.want(http.StatusConflict, "not_editable", "DELETE", path+"/recommenders/"+third.str("id"), nil)
	unit.want(http.StatusOK, "", "POST", path+"/return", map[string]any{"opinion": "请补充", "modules": []string{"summary"}})
	person.want(http.StatusConflict, "module_locked", "DELETE", path+"/recommenders/"+third.str("id"), nil)
	person.want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true})
	unit.want(http.StatusOK, "", "POST", path+"/return", map[string]any{"opinion": "请更换专家", "modules": []string{"recommenders"}})
	person.want(http.StatusOK, "", "PUT", path+"/recommenders/"+third.str("id"), expert(0))
	person.want(http.StatusOK, "", "POST", path+"/submit", map[string]any{"commitment": true})
}
