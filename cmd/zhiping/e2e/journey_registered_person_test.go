package e2e

import (
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/domain/catalog/catalogtest"
)

// Who registered with an identity number declares under that name and number only, and recommends nobody in their own
// declaration. The number itself stays where accounts are kept.
func TestADeclarationIsOfItsAccountsPerson(t *testing.T) {
	const theirs, another = "22010219010101003X", "220102197501010014"
	data := t.TempDir()
	s := world.Start(t, data, "--demo")
	d := world.Definition(t, "title.regular")
	unit, stranger := s.As("unit"), world.Register(s, "13900000011", "赵新", theirs)
	world.Bind(stranger, unit, world.University)
	id := world.StartDeclaration(stranger, d)
	path := "/declarations/" + id
	world.FillIn(stranger, d, id)

	want := []map[string]any{
		{"module": "basic", "field": "/name", "rule": "account_name", "code": "rule", "message": "姓名与账号的实名信息不一致",
			"inputs": map[string]any{"/basic/name": "王小明", "/applicant/name": "赵新"}},
		{"module": "basic", "field": "/idNumber", "rule": "account_number", "code": "rule", "message": "身份证号与账号的实名信息不一致",
			"inputs": map[string]any{"/basic/idNumber": "220102********0014"}},
	}
	if diff := cmp.Diff(want, stranger.Want(http.StatusOK, "", "GET", path+"/validation", nil).Items("problems")); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	refused := stranger.Want(http.StatusUnprocessableEntity, "invalid", "POST", path+"/submit", pledge)
	if faults := refused.Items("errors"); len(faults) != 2 || bytes.Contains(refused.Raw, []byte(theirs)) || bytes.Contains(refused.Raw, []byte(theirs[:6]+"********"+theirs[14:])) {
		t.Fatalf("%s", refused.Raw)
	}

	themself(stranger, id, theirs)

	// An account that was registered with no number is compared with nobody.
	free := s.As("applicant")
	world.Bind(free, unit, world.University)
	other := world.StartDeclaration(free, d)
	world.FillIn(free, d, other)
	free.Want(http.StatusOK, "", "POST", "/declarations/"+other+"/submit", pledge)
	s.Stop()
	if !kept(t, data, another) {
		t.Fatal("the search does not find what was entered")
	}
}

// themself corrects the form to the person's own name and number, and has them recommend themself meanwhile.
func themself(c *world.Caller, id, number string) {
	t, path, d := c.Server.T, "/declarations/"+id, world.Definition(c.Server.T, "title.regular")
	basic := catalogtest.Form(d)["basic"]
	// A small x and a blank in the name are no other person.
	mine := map[string]any{"name": "赵 新", "idNumber": strings.ToLower(number), "birth": "1901-01-01"}
	exceptional := map[string]any{"name": "赵新", "idNumber": number, "birth": "1901-01-01", "category": "exceptional", "exceptionalClass": "two_experts",
		"exceptionalBasis": "两名专家推荐"}
	c.Want(http.StatusOK, "", "PUT", path+"/modules/basic", []byte(catalogtest.With(basic, exceptional)))
	for i, change := range []map[string]any{{}, {"name": "赵新", "unit": "示范大学材料学院"}} {
		added := c.Want(http.StatusCreated, "", "POST", path+"/recommenders", []byte(catalogtest.With(catalogtest.RecommenderData(d, i), change)))
		if a := c.Upload(id, "recommendation", added.Str("id"), "推荐意见.pdf", world.PDF("推荐")); a.Status != http.StatusCreated {
			t.Fatalf("%s", a.Raw)
		}
	}
	problems := c.Want(http.StatusOK, "", "GET", path+"/validation", nil).Items("problems")
	if len(problems) != 1 || problems[0]["rule"] != "experts_not_account" || problems[0]["field"] != "/name" || problems[0]["recommender"] == nil {
		t.Fatalf("%v", problems)
	}
	c.Want(http.StatusOK, "", "PUT", path+"/modules/basic", []byte(catalogtest.With(basic, mine)))
	c.Want(http.StatusOK, "", "POST", path+"/submit", pledge)
}

// A registered person's number is in no file but those of the accounts, as long as nobody enters it.
func TestAnAccountsNumberIsKeptWithTheAccountsOnly(t *testing.T) {
	const theirs = "22010219010101003X"
	data := t.TempDir()
	s := world.Start(t, data, "--demo")
	d := world.Definition(t, "grade3.assessment")
	person := world.Register(s, "13900000012", "赵新", theirs)
	world.Bind(person, s.As("unit"), world.University)
	id := world.StartDeclaration(person, d)
	world.FillIn(person, d, id)
	person.Want(http.StatusUnprocessableEntity, "invalid", "POST", "/declarations/"+id+"/submit", pledge)
	s.Stop()
	if kept(t, data, theirs) {
		t.Fatal("the number is in a file")
	}
}

// kept tells whether a file below a folder has a text in it.
func kept(t *testing.T, folder, text string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(folder, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(name)
		found = found || bytes.Contains(raw, []byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
