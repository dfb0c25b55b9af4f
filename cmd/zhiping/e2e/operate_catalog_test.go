package e2e

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zhiping/cmd/zhiping/e2e/world"
	"zhiping/domain/catalog"
)

// override writes a folder's definition of the grade-3 assessment, and answers it as it is loaded.
func override(t *testing.T, folder, version, modules, slots string) catalog.Definition {
	t.Helper()
	definition := `type: grade3.assessment
version: ` + version + `
line: grade3-assessment
name: {zh: 三级岗位聘期考核, en: Term assessment of grade-3 posts}
selfCheck: [truth]
modules: [` + modules + `]
slots: [` + slots + `]
rules: [id_matches_birth]
route: [rating, local_panel]
`
	library := `modules:
  honours:
    name: {zh: 荣誉称号, en: Honours}
    required: true
    schema: {type: object, properties: {title: {type: string, title: 称号, x-title-en: Honour, maxLength: 20}}, required: [title], additionalProperties: false}
`
	for name, content := range map[string]string{"grade3.assessment.yaml": definition, "library.yaml": library} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := catalog.Load(os.DirFS(folder))
	if err != nil {
		t.Fatal(err)
	}
	d, _ := c.Definition("grade3.assessment")
	return d
}

func keys(items []map[string]any) (out []string) {
	for _, i := range items {
		k, _ := i["key"].(string)
		out = append(out, k)
	}
	return out
}

// An administrator changes a type between restarts; what was declared under the old definition goes on under it.
func TestADeclarationKeepsTheDefinitionOfItsNotice(t *testing.T) {
	t.Parallel()
	data, folder := t.TempDir(), t.TempDir()
	old := override(t, folder, "1000", "basic_plain, summary", "photo")
	s := world.Start(t, data, "--demo", "--catalog", folder)
	person, unit, bureau := s.As("applicant"), s.As("unit"), s.As("bureau")
	world.Bind(person, unit, world.University)
	notice := publish(bureau, noticeBody(old.Type, nil))
	drafted := bureau.Want(http.StatusCreated, "", "POST", "/notices", noticeBody(old.Type, nil)).Str("id")
	id := person.Want(http.StatusCreated, "", "POST", "/declarations", map[string]any{"noticeId": notice, "selfCheck": world.SelfCheck(old)}).Str("id")
	path := "/declarations/" + id
	world.FillIn(person, old, id)
	before := person.Want(http.StatusOK, "", "GET", path, nil)
	s.Stop()

	override(t, folder, "1001", "basic_plain, honours", "")
	s = world.Start(t, data, "--demo", "--catalog", folder)
	person, unit, bureau = s.As("applicant"), s.As("unit"), s.As("bureau")
	if after := person.Want(http.StatusOK, "", "GET", path, nil); !bytes.Equal(before.Raw, after.Raw) || !slices.Equal(keys(after.Items("modules")), []string{"basic", "summary"}) {
		t.Fatalf("the form changed with the catalog:\n%s\n%s", before.Raw, after.Raw)
	}
	person.Want(http.StatusNotFound, "module_not_found", "PUT", path+"/modules/honours", map[string]any{"title": "先进"})
	person.Want(http.StatusOK, "", "POST", path+"/submit", pledge)
	unit.Want(http.StatusOK, "", "POST", path+"/approve", map[string]any{})
	if n := person.Want(http.StatusOK, "", "GET", "/notices/"+notice, nil); !slices.Equal(keys(n.Items("modules")), []string{"basic", "summary"}) {
		t.Fatalf("the published notice changed: %s", n.Raw)
	}
	// What was only drafted then is published with what there is now.
	if n := bureau.Want(http.StatusOK, "", "POST", "/notices/"+drafted+"/publish", nil); !slices.Equal(keys(n.Items("modules")), []string{"basic", "honours"}) {
		t.Fatalf("published with %s", n.Raw)
	}
	s.Stop()

	// Nor does it need the folder.
	s = world.Start(t, data, "--demo")
	s.As("committee").Want(http.StatusOK, "", "POST", path+"/approve-final", map[string]any{})
	if form := s.As("applicant").Want(http.StatusOK, "", "GET", path, nil); form.Str("status") != "approved" || len(form.Items("modules")) != 2 {
		t.Fatalf("%s", form.Raw)
	}
	s.Stop()
}

func TestAFaultyCatalogFolderEndsTheStartWithFileAndLine(t *testing.T) {
	folder := t.TempDir()
	override(t, folder, "1000", "basic_plain", "photo")
	name := filepath.Join(folder, "grade3.assessment.yaml")
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, bytes.Replace(raw, []byte("[photo]"), []byte("[photo, selfie]"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := world.Binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "serve", "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--catalog", folder).CombinedOutput()
	var exit *exec.ExitError
	want := folder + `: grade3.assessment.yaml:7: the library has no "selfie" among its slots`
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), want) {
		t.Fatalf("%v: %s, want %s", err, out, want)
	}
}

// The form says which files are asked for now, and the notice which version of its type's definition it goes by.
func TestTheFormSaysWhichFilesAreRequiredNow(t *testing.T) {
	t.Parallel()
	s := world.Start(t, t.TempDir(), "--demo")
	person, d := s.As("applicant"), world.Definition(t, "title.regular")
	world.Bind(person, s.As("unit"), world.University)
	path := "/declarations/" + world.StartDeclaration(person, d)
	required := func() (out []string) {
		for _, slot := range person.Want(http.StatusOK, "", "GET", path, nil).Items("slots") {
			if slot["required"] == true {
				key, _ := slot["key"].(string)
				out = append(out, key)
			}
		}
		return out
	}
	if got := required(); !slices.Equal(got, []string{"photo", "education_proof", "title_proof", "assessment_proof"}) {
		t.Fatalf("%v", got)
	}
	person.Want(http.StatusOK, "", "PUT", path+"/modules/current_title", map[string]any{"none": true})
	person.Want(http.StatusOK, "", "PUT", path+"/modules/basic", map[string]any{"category": "exceptional", "exceptionalClass": "two_experts"})
	if got := required(); !slices.Equal(got, []string{"photo", "exception_proof", "education_proof", "assessment_proof", "recommendation"}) {
		t.Fatalf("%v", got)
	}
	if n := person.Want(http.StatusOK, "", "GET", "/notices/"+world.OpenNotice(person, d.Type), nil); n.Body["version"] != float64(d.Version) {
		t.Fatalf("version %v", n.Body["version"])
	}
	s.Stop()
}
