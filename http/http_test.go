package http

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"zhiping/domain"
	"zhiping/domain/text"
)

// errorCode is one package-level Err value as its source declares it.
type errorCode struct{ where, kind, code string }

// declared walks the sources for every domain.NewError, so that no refusal can be forgotten.
func declared(t *testing.T) (out []errorCode) {
	t.Helper()
	for _, root := range []string{"../domain", "../commands", "../infra", "../http"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) != 2 {
					return true
				}
				name := ""
				switch fun := call.Fun.(type) {
				case *ast.Ident:
					name = fun.Name
				case *ast.SelectorExpr:
					name = fun.Sel.Name
				}
				code, isText := call.Args[1].(*ast.BasicLit)
				if name != "NewError" || !isText {
					return true
				}
				kind := ""
				switch k := call.Args[0].(type) {
				case *ast.Ident:
					kind = k.Name
				case *ast.SelectorExpr:
					kind = k.Sel.Name
				case *ast.BasicLit:
					kind = strings.Trim(k.Value, `"`)
				}
				out = append(out, errorCode{path, kind, strings.Trim(code.Value, `"`)})
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestEveryRefusalHasAStatusAndASentence(t *testing.T) {
	kinds := map[string]domain.Kind{
		"Malformed": domain.Malformed, "Invalid": domain.Invalid, "Unauthenticated": domain.Unauthenticated, "Forbidden": domain.Forbidden,
		"NotFound": domain.NotFound, "Conflict": domain.Conflict, "Precondition": domain.Precondition, "TooLarge": domain.TooLarge,
		"UnsupportedType": domain.UnsupportedType, "Limited": domain.Limited, "Unavailable": domain.Unavailable,
		"method": "method", "range": "range", "internal": "internal",
	}
	all := declared(t)
	if len(all) < 60 {
		t.Fatalf("only %d refusals found", len(all))
	}
	for _, e := range all {
		kind, ok := kinds[e.kind]
		if !ok {
			t.Errorf("%s: %s is of the unknown kind %q", e.where, e.code, e.kind)
			continue
		}
		if _, ok := statuses[kind]; !ok && kind != "internal" {
			t.Errorf("%s: kind %s has no status", e.where, kind)
		}
		if !text.Has("error." + e.code) {
			t.Errorf("%s: no sentence for error.%s", e.where, e.code)
		}
		if !text.Has("kind." + string(kind)) {
			t.Errorf("no sentence for kind.%s", kind)
		}
		p := render("zh", "/x", domain.NewError(kind, e.code))
		if p.Status < 400 || p.Code != e.code || p.Detail == "" || p.Title == "" {
			t.Errorf("%s renders as %+v", e.code, p)
		}
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add("bytes=0-9", "en-US,en;q=0.9", "key-1")
	f.Add("bytes=-9223372036854775808", "zh", "\x00")
	f.Fuzz(func(t *testing.T, rng, lang, key string) {
		offset, length, _, err := rangeOf(rng, 1000)
		if err == nil && (offset < 0 || length < 1 || offset+length > 1000) {
			t.Fatalf("%q: %d+%d", rng, offset, length)
		}
		if l := language(lang); l != "zh" && l != "en" {
			t.Fatalf("%q: %q", lang, l)
		}
		if sane(key, 10) && (len(key) > 10 || strings.ContainsAny(key, "\x00\r\n")) {
			t.Fatalf("%q is sane", key)
		}
	})
}
