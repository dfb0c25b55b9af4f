package e2e

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"zhiping/cmd/zhiping/e2e/world"
)

// The README's tour is run as it is printed, only the address differs.
func TestTheReadmesTourRuns(t *testing.T) {
	runExamples(t, "README.md", `"status":"pending"`, `"ok":false`, `"code":"module_locked"`, `"status":"approved"`,
		`"statusText":"终审通过"`, `"type":"DeclarationStarted"`)
}

// So are the examples for consumers of the API.
func TestTheAPIPagesExamplesRun(t *testing.T) {
	runExamples(t, "docs/api.md", `"code":"declaration_not_found"`, `"code":"want_string"`, `"status":"pending"`, `"items":[]`, "304\n")
}

// runExamples runs the first block of shell lines of a page against a demo server, and looks for what they must show.
func runExamples(t *testing.T, page string, wanted ...string) {
	t.Helper()
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the examples are for a shell with %s", tool)
		}
	}
	content, err := os.ReadFile("../../../" + page)
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```sh\n(.*?)```").FindSubmatch(content)
	if block == nil {
		t.Fatalf("%s has no examples", page)
	}
	s := world.Start(t, t.TempDir(), "--demo")
	script := strings.ReplaceAll(string(block[1]), "http://127.0.0.1:8080", s.URL)
	if !strings.Contains(script, s.URL) {
		t.Fatal("the examples do not name the address that the page says the server has")
	}
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = "../../.."
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range wanted {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s does not show %s\n%s", page, want, out)
		}
	}
}
