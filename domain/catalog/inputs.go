package catalog

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"cel.dev/cel-go/common/ast"

	"zhiping/domain/gb"
)

// every stands for each element of a list in the path of an input.
const every = "*"

// inputs lists which places of the form an expression reads, as paths below the variables. Places inside of others
// that are read too stand for them.
func inputs(e ast.Expr) [][]string {
	r := reads{}
	r.walk(e, map[string][]string{})
	slices.SortFunc(r.paths, slices.Compare[[]string])
	r.paths = slices.CompactFunc(r.paths, slices.Equal[[]string])
	return slices.DeleteFunc(r.paths, func(p []string) bool {
		return slices.ContainsFunc(r.paths, func(o []string) bool { return len(o) > len(p) && slices.Equal(o[:len(p)], p) })
	})
}

type reads struct{ paths [][]string }

// walk visits an expression; bound are the loop variables with the places that they run over, nil for those that
// stand for no place.
func (r *reads) walk(e ast.Expr, bound map[string][]string) {
	if p := place(e, bound); p != nil {
		r.paths = append(r.paths, p)
		return
	}
	switch e.Kind() {
	case ast.SelectKind:
		r.walk(e.AsSelect().Operand(), bound)
	case ast.CallKind:
		if e.AsCall().IsMemberFunction() {
			r.walk(e.AsCall().Target(), bound)
		}
		for _, arg := range e.AsCall().Args() {
			r.walk(arg, bound)
		}
	case ast.ListKind:
		for _, element := range e.AsList().Elements() {
			r.walk(element, bound)
		}
	case ast.ComprehensionKind:
		r.loop(e.AsComprehension(), bound)
	}
}

func (r *reads) loop(c ast.ComprehensionExpr, bound map[string][]string) {
	inner := maps.Clone(bound)
	inner[c.AccuVar()], inner[c.IterVar()] = nil, nil
	if over := place(c.IterRange(), bound); over != nil {
		r.paths = append(r.paths, over)
		inner[c.IterVar()] = append(slices.Clip(over), every)
	} else {
		r.walk(c.IterRange(), bound)
	}
	for _, part := range []ast.Expr{c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()} {
		r.walk(part, inner)
	}
}

// place is the path that an expression names, or nil where it is no such path.
func place(e ast.Expr, bound map[string][]string) []string {
	switch e.Kind() {
	case ast.IdentKind:
		name := e.AsIdent()
		if at, ok := bound[name]; ok {
			return at
		}
		return []string{name}
	case ast.SelectKind:
		if of := place(e.AsSelect().Operand(), bound); of != nil {
			return append(slices.Clip(of), e.AsSelect().FieldName())
		}
	}
	return nil
}

// accountNumber is the identity number of the applicant's account. Nobody entered it into the form, so nobody who sees
// the form is shown any of it.
var accountNumber = []string{"applicant", "idNumber"}

// quote is what a form has at the places, by JSON pointer with the module first. What nobody filled in is null, so
// that it can be seen that it was asked about.
func quote(vars map[string]any, places [][]string) map[string]any {
	out := map[string]any{}
	for _, p := range places {
		if !slices.Equal(p, accountNumber) {
			collect(vars, p, nil, out)
		}
	}
	return out
}

func collect(v any, rest, at []string, out map[string]any) {
	if len(rest) == 0 {
		out[pointer(at)] = readable(v)
		return
	}
	if list, ok := v.([]any); ok || rest[0] == every {
		for i, element := range list {
			if n := strconv.Itoa(i); rest[0] == every || rest[0] == n {
				collect(element, rest[1:], append(slices.Clip(at), n), out)
			}
		}
		return
	}
	m, _ := v.(map[string]any)
	collect(m[rest[0]], rest[1:], append(slices.Clip(at), rest[0]), out)
}

// readable shows dates without their midnight, of identity numbers only what tells one from another, and how many are
// in a list that is asked for nothing else.
func readable(v any) any {
	switch v := v.(type) {
	case time.Time:
		if v.Equal(v.Truncate(24 * time.Hour)) {
			return v.UTC().Format(time.DateOnly)
		}
		return v.UTC().Format(time.RFC3339)
	case string:
		if gb.CheckIDNumber(v) == nil {
			return v[:6] + "********" + v[14:]
		}
	case []any:
		return len(v)
	}
	return v
}
