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
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the tour is for a shell with %s", tool)
		}
	}
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```sh\n(.*?)```").FindSubmatch(readme)
	if block == nil {
		t.Fatal("the README has no tour")
	}
	s := world.Start(t, t.TempDir(), "--demo")
	script := strings.ReplaceAll(string(block[1]), "http://127.0.0.1:8080", s.URL)
	if !strings.Contains(script, s.URL) {
		t.Fatal("the tour does not name the address that the README says the server has")
	}
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = "../../.."
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`"status":"pending"`, `"ok":false`, `"code":"module_locked"`, `"status":"approved"`, `"statusText":"终审通过"`, `"type":"DeclarationStarted"`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the tour does not show %s\n%s", want, out)
		}
	}
}
