package catalog

import (
	"strconv"
	"strings"

	"zhiping/domain"
	"zhiping/domain/text"
)

// rowVariable is what a rule on rows calls the row that it is asked about.
const rowVariable = "row"

// compiledRule is a rule that can be asked. One on rows has the path of their list below the variables, and what its
// field adds to a row's place.
type compiledRule struct {
	Rule
	when, expr *condition
	list       []string
	below      string
}

// rowsOf is the list that a rule with a star in its field is on: /entries/*/to is the member `to` of each of the
// entries. Recommenders are a list themselves.
func rowsOf(r Rule) (list []string, below string) {
	at, below, starred := strings.Cut(r.Field, "/"+every)
	if !starred {
		return nil, ""
	}
	if at == "" {
		return []string{r.Module}, below
	}
	return append([]string{r.Module}, strings.Split(at[1:], "/")...), below
}

// faults is the rule's sentence where it applies and does not hold, for each row that breaks it where it is on rows.
func (r compiledRule) faults(vars map[string]any, experts []RecommenderData) []domain.Fault {
	if r.list == nil {
		if r.holds(vars) {
			return nil
		}
		return []domain.Fault{{Module: r.Module, Field: r.Field, Rule: r.Key, Code: "rule", Message: r.Message, Inputs: quote(vars, r.expr.reads)}}
	}
	var at any = vars
	for _, p := range r.list {
		m, _ := at.(map[string]any)
		at = m[p]
	}
	rows, _ := at.([]any)
	var faults []domain.Fault
	for i, row := range rows {
		vars[rowVariable] = row
		if !r.holds(vars) {
			faults = append(faults, r.ofRow(vars, i, experts))
		}
	}
	delete(vars, rowVariable)
	return faults
}

// holds tells whether a form gets past the rule. A rule that reads a field nobody filled in does not apply: whether
// the field must be filled in is the schema's question.
func (r compiledRule) holds(vars map[string]any) bool {
	return r.when != nil && !r.when.holds(vars, false) || r.expr.holds(vars, true)
}

// ofRow blames one row, whose number people count from 1, or the recommender that it is.
func (r compiledRule) ofRow(vars map[string]any, i int, experts []RecommenderData) domain.Fault {
	place := append(append([]string{}, r.list...), strconv.Itoa(i))
	f := domain.Fault{Module: r.Module, Field: pointer(place[1:]) + r.below, Rule: r.Key, Code: "rule"}
	sentence := "row.fault"
	if r.Module == recommendersModule {
		f.Field, f.Recommender, sentence = r.below, experts[i].ID, "recommender.fault"
	}
	f.Message = text.Of(sentence, text.Args{"n": i + 1, "message": r.Message})
	reads := make([][]string, 0, len(r.expr.reads))
	for _, p := range r.expr.reads {
		if p[0] == rowVariable {
			p = append(append([]string{}, place...), p[1:]...)
		}
		reads = append(reads, p)
	}
	f.Inputs = quote(vars, reads)
	return f
}
