package domain_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"zhiping/domain"
	"zhiping/domain/catalog"
	"zhiping/domain/text"
)

// source is one file of the module that is no test.
type source struct {
	path string
	file *ast.File
}

// sources parses the whole module.
func sources(t *testing.T) (all []source) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != ".." {
			if d != nil && d.IsDir() && err == nil {
				return fs.SkipDir
			}
			return err
		}
		if d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		all = append(all, source{path, f})
		return err
	})
	if err != nil || len(all) < 100 {
		t.Fatalf("%d files, %v", len(all), err)
	}
	return all
}

// calls finds the calls of a function, whatever it is qualified with.
func calls(f *ast.File, name string, visit func(*ast.CallExpr)) {
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch fun := call.Fun.(type) {
		case *ast.Ident:
			if fun.Name == name {
				visit(call)
			}
		case *ast.SelectorExpr:
			if fun.Sel.Name == name {
				visit(call)
			}
		}
		return true
	})
}

// literal is the value of a string literal.
func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

// Errors are equal by code, so two declarations of one code would be one error with two names.
func TestACodeIsDeclaredOnceAndHasItsSentence(t *testing.T) {
	at := map[string]string{}
	for _, s := range sources(t) {
		calls(s.file, "NewError", func(call *ast.CallExpr) {
			code, ok := literal(call.Args[1])
			switch {
			case !ok:
				t.Errorf("%s: a code must be a literal", s.path)
			case at[code] != "":
				t.Errorf("%s is declared in %s and in %s", code, at[code], s.path)
			case !text.Has("error." + code):
				t.Errorf("%s: error.%s has no sentence", s.path, code)
			}
			at[code] = s.path
		})
	}
	if len(at) < 50 {
		t.Fatalf("only %d codes were found", len(at))
	}
}

// Enumerations that libraries read from a struct's tags list the roles and kinds of the one table.
func TestEnumerationsFollowTheTableOfRoles(t *testing.T) {
	found := 0
	for _, s := range sources(t) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			field, ok := n.(*ast.Field)
			if !ok || field.Tag == nil {
				return true
			}
			tag, _ := literal(field.Tag)
			enum := strings.Split(reflect.StructTag(tag).Get("enum"), ",")
			slices.Sort(enum)
			var want []string
			switch {
			case slices.Contains(enum, string(domain.Auditor)):
				want = strings.Split(text.List(domain.GrantableRoles()), ", ")
			case slices.Contains(enum, string(domain.KindBureau)):
				want = strings.Split(text.List(domain.OrganizationKinds()), ", ")
			default:
				return true
			}
			slices.Sort(want)
			if found++; !slices.Equal(enum, want) {
				t.Errorf("%s lists %v, the table %v", s.path, enum, want)
			}
			return true
		})
	}
	if found == 0 {
		t.Fatal("no enumeration of roles or kinds was found")
	}
}

func TestEveryOfficerHasARole(t *testing.T) {
	for _, k := range domain.OrganizationKinds() {
		if !slices.Contains(domain.Roles(), k.Role()) {
			t.Errorf("%s: %q", k, k.Role())
		}
	}
	if r := domain.OrganizationKind("").Role(); r != "" || domain.OrganizationKind("club").Role() != "" {
		t.Errorf("no kind has %q", r)
	}
	if domain.Applicant.ForOrganization() || domain.Auditor.ForOrganization() || !domain.Unit.ForOrganization() {
		t.Error("only an officer's role is for an organization")
	}
}

// A sentence that the program asks for is in the catalogue, and the catalogue holds none that nothing asks for.
func TestSentencesAreThereAndUsed(t *testing.T) {
	literals, prefixes := map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		for function, prefix := range map[string]string{"Of": "", "NewFault": "fault."} {
			calls(s.file, function, func(call *ast.CallExpr) {
				if pkg, ok := call.Fun.(*ast.SelectorExpr); function == "Of" && (!ok || !named(pkg.X, "text")) {
					return
				}
				if key, ok := literal(call.Args[0]); ok && !text.Has(prefix+key) {
					t.Errorf("%s: %s%s has no sentence", s.path, prefix, key)
				}
			})
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if v, ok := literal(n); ok {
					literals[v], literals[strings.ReplaceAll(v, "-", "_")] = true, true
				}
			case *ast.BinaryExpr:
				if v, ok := literal(n.X); ok && n.Op == token.ADD && strings.Contains(v, ".") {
					prefixes[v] = true
				}
			}
			return true
		})
	}
	for _, line := range lines(t) {
		literals[line] = true
	}
	for _, key := range text.Keys() {
		if !asked(key, literals, prefixes) {
			t.Errorf("nothing asks for the sentence %s", key)
		}
	}
}

// lines are the business lines, which are data: sentences are chosen by them.
func lines(t *testing.T) (all []string) {
	t.Helper()
	types, err := catalog.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range types.Lines() {
		all = append(all, l.Key)
	}
	return all
}

func named(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// asked tells whether a key is spelled whole, or put together of words that are spelled somewhere, beginning with a literal that
// something is added to.
func asked(key string, literals, prefixes map[string]bool) bool {
	if literals[key] {
		return true
	}
	for p := range prefixes {
		if rest, ok := strings.CutPrefix(key, p); ok && (p == mediaTypes || spelled(rest, literals)) {
			return true
		}
	}
	return false
}

// mediaTypes begins the keys of media types, which are detected and spelled nowhere.
const mediaTypes = "file_type."

func spelled(rest string, literals map[string]bool) bool {
	if literals[rest] {
		return true
	}
	for i := 1; i < len(rest); i++ {
		word := rest[:i]
		if (len(word) > 2 || word == ".") && literals[word] && spelled(rest[i:], literals) {
			return true
		}
	}
	return false
}
