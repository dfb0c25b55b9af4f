// Package zhiping_test checks what holds for all packages of the module.
package zhiping_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// allowed says which rooms a room may import.
var allowed = map[string][]string{
	"domain":      {"domain"},
	"commands":    {"commands", "domain"},
	"readmodels":  {"readmodels", "domain"},
	"projections": {"projections", "readmodels", "domain"},
	"http":        {"http", "commands", "readmodels", "domain"},
	"infra":       {"infra", "commands", "projections", "readmodels", "domain"},
	"cmd":         {"cmd", "http", "infra", "commands", "projections", "readmodels", "domain"},
}

func TestImportsPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "zhiping/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	edges := 0
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		from := room(p.ImportPath)
		for _, imported := range p.Imports {
			to := room(imported)
			if to == "" {
				continue
			}
			edges++
			ok := false
			for _, a := range allowed[from] {
				ok = ok || a == to
			}
			if !ok {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
	if edges < 50 {
		t.Fatalf("only %d imports of our own: the list is not what it should be", edges)
	}
}

// room is the first folder below the module; empty for what is not ours.
func room(path string) string {
	rest, ours := strings.CutPrefix(path, "zhiping/")
	if !ours {
		return ""
	}
	first, _, _ := strings.Cut(rest, "/")
	return first
}
