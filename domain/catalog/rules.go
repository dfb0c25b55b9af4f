package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"

	"zhiping/domain/gb"
)

// costLimit bounds one evaluation: some milliseconds, whatever the rule and the form.
const costLimit = 200_000

// environment compiles the conditions of one definition. Its variables are the modules by key, and recommenders,
// applicant, unit and cutOff; rules on rows know their row besides.
type environment struct{ env *cel.Env }

func newEnvironment(d Definition) (*environment, error) {
	opts := []cel.EnvOption{
		cel.Variable(recommendersModule, cel.ListType(cel.DynType)),
		cel.Variable("applicant", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("unit", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("cutOff", cel.TimestampType),
		ext.Strings(),
	}
	for _, m := range d.Modules {
		opts = append(opts, cel.Variable(m.Key, cel.MapType(cel.StringType, cel.DynType)))
	}
	env, err := cel.NewEnv(opts...)
	if err != nil {
		return nil, fmt.Errorf("catalog: %s: rules: %w", d.Type, err)
	}
	return &environment{env}, nil
}

// condition is a compiled expression; reads are the places of the form that it looks at.
type condition struct {
	program cel.Program
	reads   [][]string
}

func (e *environment) compile(expr string) (*condition, error) {
	ast, issues := e.env.Compile(expr)
	if err := issues.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	if t := ast.OutputType(); t != cel.BoolType && t != cel.DynType {
		return nil, fmt.Errorf("%s: answers %s, not yes or no", expr, t)
	}
	p, err := e.env.Program(ast, cel.CostLimit(costLimit))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	return &condition{p, inputs(ast.NativeRep().Expr())}, nil
}

func (e *environment) rules(list []Rule) ([]compiledRule, error) {
	rows, err := e.env.Extend(cel.Variable(rowVariable, cel.DynType))
	if err != nil {
		return nil, fmt.Errorf("a module may not be called %s: %w", rowVariable, err)
	}
	var out []compiledRule
	var errs []error
	for _, r := range list {
		c := compiledRule{Rule: r}
		env := e
		if c.list, c.below = rowsOf(r); c.list != nil {
			env = &environment{rows}
		}
		if c.expr, err = env.compile(r.Expr); err != nil {
			errs = append(errs, part("rules", r.Key, err))
		}
		if r.When != "" {
			if c.when, err = env.compile(r.When); err != nil {
				errs = append(errs, part("rules", r.Key, err))
			}
		}
		out = append(out, c)
	}
	return out, errors.Join(errs...)
}

// holds evaluates a condition. absent is the answer where it reads what nobody filled in; any other failure,
// such as the cost limit, is a no.
func (c *condition) holds(vars map[string]any, absent bool) bool {
	v, _, err := c.program.Eval(vars)
	if err != nil {
		return absent && strings.Contains(err.Error(), "no such key")
	}
	yes, ok := v.Value().(bool)
	return ok && yes
}

// beijing is the time of the whole country, in which notices and forms write their dates. It has no summer time.
var beijing = time.FixedZone("UTC+8", 8*60*60)

// dateOf is the calendar date of a moment in Beijing, as midnight UTC, which is how rules write dates: a cut-off at
// midnight in Beijing is the day before in UTC, and would leave out who qualified on the day itself.
func dateOf(t time.Time) time.Time {
	y, m, d := t.In(beijing).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// variables are the form as rules see it. Blank fields are absent, as in the schemas. Identity numbers bring the
// date of birth with them, which rules on age need.
func variables(d Definition, f Form) map[string]any {
	applicant := map[string]any{"id": f.Applicant.ID, "name": f.Applicant.Name}
	if f.Applicant.IDNumber != "" {
		applicant["idNumber"] = f.Applicant.IDNumber
	}
	vars := map[string]any{
		"applicant": applicant,
		"unit":      map[string]any{"id": f.UnitID, "name": f.Unit.ZH},
		"cutOff":    dateOf(f.CutOff),
	}
	for _, m := range d.Modules {
		vars[m.Key] = plain(f.Modules[m.Key])
	}
	experts := make([]any, 0, len(f.Recommenders))
	for _, r := range f.Recommenders {
		experts = append(experts, plain(r.Data))
	}
	vars[recommendersModule] = experts
	return vars
}

func plain(data json.RawMessage) map[string]any {
	m, fault := decode(data)
	if fault != nil {
		return map[string]any{}
	}
	simple, _ := number(m).(map[string]any)
	if id, ok := simple["idNumber"].(string); ok {
		if born, err := gb.Birth(id); err == nil {
			simple["bornAt"] = born.UTC().Truncate(24 * time.Hour)
		}
	}
	return simple
}

// number turns json.Number into what CEL computes with.
func number(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, sub := range v {
			v[k] = number(sub)
		}
		return v
	case []any:
		for i, sub := range v {
			v[i] = number(sub)
		}
		return v
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, _ := v.Float64() // extreme numbers were refused when the data was saved
		return f
	}
	return v
}
