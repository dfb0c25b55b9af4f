package zhiping_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"zhiping/domain/text"
)

var update = flag.Bool("update", false, "write the table of codes in docs/api.md anew")

// statusOf is told here a second time, beside the table of http.
var statusOf = map[string]int{"Malformed": 400, "Unauthenticated": 401, "Forbidden": 403, "NotFound": 404, "method": 405,
	"Conflict": 409, "Precondition": 412, "TooLarge": 413, "UnsupportedType": 415, "range": 416, "Invalid": 422,
	"Limited": 429, "internal": 500, "Unavailable": 503}

const codesBegin, codesEnd = "<!-- codes -->\n", "<!-- /codes -->"

// TestAPIPageTellsEveryProblemCode compares the table in docs/api.md with the refusals that the code declares.
func TestAPIPageTellsEveryProblemCode(t *testing.T) {
	rows := problemRows(t)
	if len(rows) < 80 {
		t.Fatalf("only %d codes found: the search is not what it should be", len(rows))
	}
	table := "| status | code | sentence |\n|---|---|---|\n" + strings.Join(rows, "\n") + "\n"
	page, err := os.ReadFile("docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), codesBegin)
	told, after, closed := strings.Cut(rest, codesEnd)
	if !ok || !closed {
		t.Fatal("docs/api.md has no place for the table of codes")
	}
	if told == table {
		return
	}
	if !*update {
		t.Fatal("docs/api.md tells other codes than the code declares: go test . -run ProblemCode -update")
	}
	if err := os.WriteFile("docs/api.md", []byte(before+codesBegin+table+codesEnd+after), 0o600); err != nil {
		t.Fatal(err)
	}
}

// problemRows finds each call of NewError with a kind and a code.
func problemRows(t *testing.T) []string {
	rows := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 2 && named(call.Fun) == "NewError" {
				kind, code := named(call.Args[0]), named(call.Args[1])
				status, known := statusOf[kind]
				if code == "" {
					return true // made of a variable
				}
				if !known {
					t.Errorf("%s: %s has the kind %q, which has no status here", path, code, kind)
				}
				rows[fmt.Sprintf("| %d | `%s` | %s |", status, code, text.Of("error."+code, nil).EN)] = true
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(rows))
}

// named is an identifier's name, the last one of a selector, or a string's value.
func named(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.BasicLit:
		s, _ := strconv.Unquote(e.Value)
		return s
	}
	return ""
}
