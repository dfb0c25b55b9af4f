package zhiping_test

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// bound matches the names of constants that bound something: a list, a body, an answer, a wait.
var bound = regexp.MustCompile(`^[mM]ax[A-Z0-9]|[a-z]Timeout$`)

// row matches a line of the table of bounds: what, bound, room, constant.
var row = regexp.MustCompile("^\\| ([^|]+) \\| ([^|]+) \\| ([a-z/]+): `([A-Za-z]+)` \\|")

// TestOperationsTellEveryBound compares the table of bounds in docs/operations.md with the constants in the code: each stands
// in it, with its value, and nothing else does.
func TestOperationsTellEveryBound(t *testing.T) {
	inCode := boundsInCode(t)
	if len(inCode) < 30 {
		t.Fatalf("only %d bounds found in the code: the search is not what it should be", len(inCode))
	}
	page, err := os.ReadFile("docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for line := range strings.Lines(string(page)) {
		if m := row.FindStringSubmatch(line); m != nil {
			told[m[3]+": `"+m[4]+"`"] = m[2]
		}
	}
	for name, value := range inCode {
		if told[name] != value {
			t.Errorf("docs/operations.md tells %q; let a line say: | what is bounded | %s | %s | what the caller hears |", told[name], value, name)
		}
	}
	for name := range told {
		if inCode[name] == "" {
			t.Errorf("docs/operations.md tells of %s, which is no constant of that room any more", name)
		}
	}
}

// boundsInCode has each bound's value, by "room: `name`".
func boundsInCode(t *testing.T) map[string]string {
	found := map[string]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bench" || d.Name() == "e2e" || d.Name() == "node_modules"):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(filepath.Dir(path), "test"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, spec := range g.Specs {
				collect(t, found, roomOf(path), spec.(*ast.ValueSpec))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func collect(t *testing.T, found map[string]string, room string, spec *ast.ValueSpec) {
	for i, name := range spec.Names {
		if !bound.MatchString(name.Name) || i >= len(spec.Values) {
			continue
		}
		value, isTime := evaluate(spec.Values[i])
		if value == nil {
			continue // a protocol's own end, such as math.MaxInt64, or a setting in text
		}
		key := fmt.Sprintf("%s: `%s`", room, name.Name)
		if _, twice := found[key]; twice {
			t.Errorf("%s is declared twice: give one another name", key)
		}
		n, _ := constant.Int64Val(value)
		found[key] = readable(n, isTime)
	}
}

// roomOf is the folder that the architecture names: `http`, but `infra/limits` and `domain/notice`.
func roomOf(path string) string {
	parts := strings.Split(filepath.ToSlash(filepath.Dir(path)), "/")
	if len(parts) > 1 && (parts[0] == "infra" || parts[0] == "domain" || parts[0] == "cmd") {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

// evaluate computes a constant of literals, units of time and operators, and tells whether it is a time; nil for any other.
func evaluate(e ast.Expr) (constant.Value, bool) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return evaluate(e.X)
	case *ast.BasicLit:
		if e.Kind == token.INT {
			return constant.MakeFromLiteral(e.Value, e.Kind, 0), false
		}
	case *ast.SelectorExpr:
		units := map[string]time.Duration{"Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute, "Hour": time.Hour}
		if d, ok := units[e.Sel.Name]; ok {
			return constant.MakeInt64(int64(d)), true
		}
	case *ast.BinaryExpr:
		x, xTime := evaluate(e.X)
		y, yTime := evaluate(e.Y)
		if x == nil || y == nil {
			return nil, false
		}
		if e.Op == token.SHL {
			by, _ := constant.Uint64Val(y)
			return constant.Shift(x, e.Op, uint(by)), xTime
		}
		return constant.BinaryOp(x, e.Op, y), xTime || yTime
	}
	return nil, false
}

func readable(n int64, isTime bool) string {
	switch {
	case isTime && n%int64(time.Minute) == 0:
		return fmt.Sprintf("%d min", n/int64(time.Minute))
	case isTime:
		return fmt.Sprintf("%g s", time.Duration(n).Seconds())
	case n >= 1<<30 && n%(1<<30) == 0:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<12 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
