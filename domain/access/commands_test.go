package access_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"zhiping/domain/access"
)

// A command of an aggregate needs a row in the policy table, each row that is no query's is a command's, and the property test of
// declarations draws each of their commands.
func TestEveryCommandHasARowAndIsDrawn(t *testing.T) {
	rows := map[access.Action]string{}
	drawn := constructed(t, "../declaration/property_test.go", "randomCommand")
	for _, c := range declared(t) {
		if at, twice := rows[c.name]; twice {
			t.Errorf("%s names a command of %s and one of %s", c.name, at, c.pkg)
		}
		rows[c.name] = c.pkg
		if _, ok := access.Policy[c.name]; !ok {
			t.Errorf("%s.%s has no row in the policy table: %q", c.pkg, c.typ, c.name)
		}
		if c.pkg == "declaration" && !drawn[c.typ] {
			t.Errorf("randomCommand never draws a declaration.%s", c.typ)
		}
	}
	for action := range access.Policy {
		if _, ok := rows[action]; !ok && !strings.HasPrefix(string(action), "view") {
			t.Errorf("%s has a row, but is neither a command nor a query", action)
		}
	}
}

type commandType struct {
	pkg, typ string
	name     access.Action
}

// declared finds the types of all aggregates that have a method command, with the name that it returns.
func declared(t *testing.T) (all []commandType) {
	t.Helper()
	files, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		for _, fn := range functions(t, path) {
			if fn.Recv == nil || fn.Name.Name != "command" {
				continue
			}
			ret, ok := fn.Body.List[0].(*ast.ReturnStmt)
			if !ok {
				t.Fatalf("%s: command() is not one return", path)
			}
			name, err := strconv.Unquote(ret.Results[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, commandType{filepath.Base(filepath.Dir(path)), fn.Recv.List[0].Type.(*ast.Ident).Name, access.Action(name)})
		}
	}
	if len(all) == 0 {
		t.Fatal("there are no commands")
	}
	return all
}

// constructed are the types of package declaration that a function builds.
func constructed(t *testing.T, path, function string) map[string]bool {
	t.Helper()
	types := map[string]bool{}
	for _, fn := range functions(t, path) {
		if fn.Name.Name != function {
			continue
		}
		ast.Inspect(fn, func(n ast.Node) bool {
			if lit, ok := n.(*ast.CompositeLit); ok {
				if typ, ok := lit.Type.(*ast.SelectorExpr); ok {
					types[typ.Sel.Name] = true
				}
			}
			return true
		})
	}
	return types
}

func functions(t *testing.T, path string) (all []*ast.FuncDecl) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			all = append(all, fn)
		}
	}
	return all
}
